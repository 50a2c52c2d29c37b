# Many threads and processes at once: what shakes the scheduler, the memory manager and the platform.

#@ node-workers needs=node timeout=90
cat > w.js <<'E'
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads'); const cp = require('child_process');
if (!isMainThread) { let h = 0; const keep = []; for (let i = 0; i < 200000; i++) { keep.push({ i, s: 'x' + i }); h = (h * 31 + keep[keep.length - 1].s.length + workerData) | 0; if (keep.length > 5000) keep.length = 0; } parentPort.postMessage(h); }
else (async () => { const one = (i) => new Promise((r) => { const w = new Worker(__filename, { workerData: i }); let m; w.on('message', (x) => (m = x)); w.on('exit', () => r(m)); });
  for (let round = 0; round < 2; round++) console.log(await Promise.all([...Array(6).keys()].map(one)));
  console.log((await Promise.all([...Array(12).keys()].map((i) => new Promise((r) => cp.execFile('sh', ['-c', `echo ${i}`], (e, o) => r(o.trim())))))).join());
  const w = new Worker('setInterval(()=>{},10)', { eval: true }); w.on('online', () => setTimeout(async () => console.log('terminated', await w.terminate()), 200)); })();
E
node w.js

#@ java-threads needs=java,javac timeout=120
cat > T.java <<'E'
import java.util.concurrent.*; import java.util.concurrent.atomic.*; import java.util.concurrent.locks.*;
public class T { public static void main(String[] a) throws Exception {
 for (int round = 0; round < 3; round++) { Thread[] t = new Thread[100]; AtomicLong n = new AtomicLong(); CountDownLatch go = new CountDownLatch(1); for (int i = 0; i < t.length; i++) { t[i] = new Thread(() -> { try { go.await(); } catch (InterruptedException e) {} for (int k = 0; k < 1000; k++) { n.incrementAndGet(); if (k % 100 == 0) Thread.yield(); } }); t[i].start(); } go.countDown(); for (Thread x : t) x.join(); System.out.println(n); }
 SynchronousQueue<Integer> q = new SynchronousQueue<>(); Thread p = new Thread(() -> { try { for (int i = 0; i < 3000; i++) q.put(i); } catch (InterruptedException e) {} }); p.start(); long s = 0; for (int i = 0; i < 3000; i++) s += q.take(); System.out.println(s);
 ReentrantLock l = new ReentrantLock(); Condition c = l.newCondition(); int[] turn = {0}; Thread[] r = new Thread[4]; StringBuffer b = new StringBuffer(); for (int i = 0; i < 4; i++) { int me = i; r[i] = new Thread(() -> { for (int k = 0; k < 50; k++) { l.lock(); try { while (turn[0] != me) c.await(); b.append(me); turn[0] = (me + 1) % 4; c.signalAll(); } catch (InterruptedException e) {} finally { l.unlock(); } } }); r[i].start(); } for (Thread x : r) x.join(); System.out.println(b.toString().equals("0123".repeat(50)));
 ForkJoinPool f = new ForkJoinPool(8); System.out.println(f.submit(() -> fib(22)).get()); ScheduledExecutorService e = Executors.newScheduledThreadPool(2); AtomicInteger ticks = new AtomicInteger(); var h = e.scheduleAtFixedRate(() -> ticks.incrementAndGet(), 0, 10, TimeUnit.MILLISECONDS); Thread.sleep(500); h.cancel(false); e.shutdownNow(); System.out.println(ticks.get() > 10);
 Thread w = new Thread(() -> { try { Thread.sleep(100000); } catch (InterruptedException x) { System.out.println("interrupted"); } }); w.start(); w.interrupt(); w.join(); for (int i = 0; i < 3; i++) { Process x = new ProcessBuilder("cat").start(); x.getOutputStream().write("data".getBytes()); x.getOutputStream().close(); System.out.println(new String(x.getInputStream().readAllBytes()) + x.waitFor()); } }
 static int fib(int n) { if (n < 2) return n; var t = new RecursiveTask<Integer>() { protected Integer compute() { return fib(n - 1); } }; if (n > 15) { t.fork(); return fib(n - 2) + t.join(); } return fib(n - 1) + fib(n - 2); } }
E
javac T.java && java T && java -Xint T | md5sum

#@ python-threads-fork needs=python3 timeout=60
cat > t.py <<'E'
import threading, os, subprocess, time, hashlib, signal, mmap
stop=False
def spin():
    h=b"";
    while not stop: h=hashlib.sha256(h*1000).digest()
ts=[threading.Thread(target=spin) for _ in range(4)]; [t.start() for t in ts]
out=[]
def forker(i):
    for k in range(15): out.append(subprocess.run(["sh","-c",f"echo {i}.{k}"],capture_output=True,text=True).stdout.strip())
fs=[threading.Thread(target=forker,args=(i,)) for i in range(4)]; [f.start() for f in fs]; [f.join() for f in fs]; stop=True; [t.join() for t in ts]
print(len(out), hashlib.md5(",".join(sorted(out)).encode()).hexdigest())
big=bytearray(os.urandom(1<<20)*64); want=hashlib.md5(big).hexdigest()
kids=[]
for i in range(6):
    p=os.fork()
    if p==0:
        ok=hashlib.md5(big).hexdigest()==want; big[i*4096:(i+1)*4096]=b"\0"*4096; os._exit(0 if ok and hashlib.md5(big).hexdigest()!=want else 1)
    kids.append(p)
big[0:10]=b"x"*10
print([os.waitpid(p,0)[1] for p in kids])
n=0
def alarm(s,f):
    global n; n+=1
signal.signal(signal.SIGPROF,alarm); signal.setitimer(signal.ITIMER_PROF,0.01,0.01); t=time.process_time()
while time.process_time()-t<0.5: sum(range(1000))
signal.setitimer(signal.ITIMER_PROF,0); print(n>10)
E
python3 t.py

#@ c-churn needs=gcc timeout=60
cat > c.c <<'E'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
static void *maps(void *a) { long s = 0; unsigned r = (long)a; for (int i = 0; i < 2000; i++) { size_t n = (1 + rand_r(&r) % 64) * 4096; char *p = mmap(0, n, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); if (p == MAP_FAILED) return (void *)-1; memset(p, 7, n / 2); s += p[0] + p[n - 1]; mprotect(p, 4096, PROT_READ); s += p[5]; munmap(p, n); } return (void *)s; }
static void *heap(void *a) { void *p[64] = {0}; unsigned r = (long)a; for (int i = 0; i < 50000; i++) { int k = rand_r(&r) % 64; free(p[k]); p[k] = malloc(1 + rand_r(&r) % 20000); memset(p[k], 1, 16); } for (int k = 0; k < 64; k++) free(p[k]); return (void *)1; }
static void *forks(void *a) { long ok = 0; for (int i = 0; i < 40; i++) { pid_t c = fork(); if (c == 0) _exit(i); int st; if (waitpid(c, &st, 0) == c && WEXITSTATUS(st) == i) ok++; } return (void *)ok; }
int main(void) { pthread_t t[12]; void *r; for (long i = 0; i < 12; i++) pthread_create(&t[i], 0, i % 3 == 0 ? maps : i % 3 == 1 ? heap : forks, (void *)(i + 1)); for (int i = 0; i < 12; i++) { pthread_join(t[i], &r); printf("%ld ", (long)r); } puts(""); return 0; }
E
gcc -O1 -pthread c.c -o c && ./c && ./c && ./c

#@ shells-at-once timeout=60
for i in $(seq 8); do (for j in $(seq 25); do echo $i-$j | tr 0-9 a-j | cat; done > out.$i) & done; wait; cat out.* | sort | md5sum; ls | wc -l; mkfifo a b; exec 3<>b; (for i in $(seq 300); do echo $i; read -r x <&3; done > a) & while read -r y; do echo $y >&3; [ $y = 300 ] && echo $y && break; done < a | tail -1; wait; for i in $(seq 20); do sleep 0.$((i%3)) & done; wait; jobs -r; seq 60 | xargs -P8 -n1 sh -c 'sh -c "sh -c \"exit \$((\$0%2))\" $0" $0 || echo odd' | wc -l
