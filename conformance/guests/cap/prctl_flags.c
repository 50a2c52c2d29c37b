/* prctl(2): flags that are recorded, with their argument checks and rights; what another machine has and this one has not. */
#include "../guest.h"
#include <sys/prctl.h>

#define TRY(...) do { errno = 0; long r_ = prctl(__VA_ARGS__); say("%s: %ld %s\n", #__VA_ARGS__, r_, r_ < 0 ? ename(errno) : "0"); } while (0)

int main(void)
{
    fresh();
    TRY(PR_TASK_PERF_EVENTS_DISABLE, 0, 0, 0, 0);
    TRY(PR_TASK_PERF_EVENTS_ENABLE, 0, 0, 0, 0);
    TRY(PR_GET_ENDIAN, 0, 0, 0, 0);
    TRY(PR_GET_FPEMU, 0, 0, 0, 0);
    TRY(PR_GET_FPEXC, 0, 0, 0, 0);
    TRY(PR_GET_UNALIGN, 0, 0, 0, 0);
    TRY(PR_SVE_GET_VL, 0, 0, 0, 0);
    TRY(PR_GET_FP_MODE, 0, 0, 0, 0);
    TRY(PR_MPX_ENABLE_MANAGEMENT, 0, 0, 0, 0);
    TRY(PR_GET_TAGGED_ADDR_CTRL, 0, 0, 0, 0);
    TRY(99999, 0, 0, 0, 0);
    pid_t p = fork();
    if (!p) {
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        TRY(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
        TRY(PR_GET_IO_FLUSHER, 0, 0, 0, 0);
        _exit(0);
    }
    waitpid(p, 0, 0);
    return 0;
}
