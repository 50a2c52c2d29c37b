# Compilers and what they make.

#@ gcc-hello needs=gcc quick
cat > hello.c <<'E'
#include <stdio.h>
int main(int argc, char **argv) { printf("hello from %d args\n", argc); return 3; }
E
gcc hello.c && ./a.out x y; echo $?
gcc -O2 -static -o st hello.c && ./st; echo $?
gcc -O2 -static-pie -o sp hello.c && ./sp; echo $?
gcc -m64 -no-pie -g -o np hello.c && ./np; echo $?
echo 'int main(){return undefined_thing;}' > bad.c; gcc bad.c; echo $?
gcc -E -P hello.c | tail -1; gcc -S -o - hello.c | grep -c main; objdump -d a.out | grep -c '<main>:'; nm a.out | grep -c ' T main'; strip a.out && ./a.out; ldd a.out | awk '{print $1}'; readelf -h a.out | grep Type; size st | wc -l

#@ gcc-threads needs=gcc quick
cat > t.c <<'E'
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
static atomic_long n; static long m; static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER; static pthread_barrier_t b; static __thread int tls;
static void *run(void *a) { pthread_barrier_wait(&b); for (int i = 0; i < 20000; i++) { n++; pthread_mutex_lock(&mu); m++; pthread_mutex_unlock(&mu); tls++; } return (void *)(long)tls; }
int main(void) { pthread_t t[16]; long s = 0; pthread_barrier_init(&b, 0, 16); for (int i = 0; i < 16; i++) pthread_create(&t[i], 0, run, 0);
 for (int i = 0; i < 16; i++) { void *r; pthread_join(t[i], &r); s += (long)r; } printf("%ld %ld %ld\n", n, m, s);
 for (int i = 0; i < 500; i++) { pthread_t x; pthread_attr_t at; pthread_attr_init(&at); pthread_attr_setstacksize(&at, 65536); pthread_barrier_init(&b, 0, 1); pthread_create(&x, &at, run + 0, 0); pthread_join(x, 0); if (i == 20) break; } printf("%ld\n", m); return 0; }
E
gcc -O1 -pthread t.c -o t && ./t && ./t; gcc -O1 -static -pthread t.c -o ts && ./ts

#@ gdb-hardware needs=gcc,gdb timeout=60 optional
cat > w.c <<'E'
#include <stdio.h>
int counter;
static void touch(int n) { counter = n; }
int main(void) { for (int i = 1; i <= 3; i++) touch(i * 10); printf("%d\n", counter); return 0; }
E
gcc -g -O0 w.c -o w
cat > commands <<'E'
set confirm off
break main
run
hbreak touch
continue
delete
watch counter
continue
continue
rwatch counter
delete
continue
E
gdb -nx -batch -x commands ./w > out 2>&1; code=$?
grep -q 'debug register: No space left on device' out && { echo SKIP no hardware breakpoints; exit; }
sed 's/process [0-9]*/process N/; s/0x[0-9a-f]*/ADDRESS/' out; echo $code

#@ make-project needs=gcc,make quick
mkdir src; for i in 1 2 3 4 5 6; do echo "int f$i(void){return $i;}" > src/f$i.c; done
cat > src/main.c <<'E'
#include <stdio.h>
int f1(void),f2(void),f3(void),f4(void),f5(void),f6(void);
int main(void){printf("sum %d\n",f1()+f2()+f3()+f4()+f5()+f6());return 0;}
E
printf 'O=$(patsubst %%.c,%%.o,$(sort $(wildcard src/*.c)))\nprog: $(O)\n\tgcc -o $@ $^\n%%.o: %%.c\n\tgcc -c -o $@ $<\nclean:\n\trm -f prog $(O)\n' > Makefile
make -j2 > log; sort log; ./prog; make; sleep 0.02; touch src/f3.c; make; make clean; make -s -j4 prog; ./prog; ar rcs lib.a src/f1.o src/f2.o; ar t lib.a; make nosuch; echo $?
gcc -shared -fPIC -o libf.so src/f*.c && gcc -o dyn src/main.c -L. -lf -Wl,-rpath,"$PWD" && ./dyn; make -j2 -n clean

#@ gcc-signals needs=gcc
cat > s.c <<'E'
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
static sigjmp_buf j; static void h(int s) { siglongjmp(j, s); }
int main(void) { signal(SIGSEGV, h); signal(SIGFPE, h); signal(SIGILL, h); int s; if (!(s = sigsetjmp(j, 1))) *(volatile int *)8 = 1; else printf("segv %d\n", s == SIGSEGV);
 volatile int z = 0; if (!(s = sigsetjmp(j, 1))) z = 1 / z; else printf("fpe %d\n", s == SIGFPE); if (!(s = sigsetjmp(j, 1))) __builtin_trap(); else printf("ill %d\n", s == SIGILL);
 double x = 0; for (int i = 1; i < 1000000; i++) x += sin(i) / i; printf("%.12f %a\n", x, sqrt(2)); char *p = malloc(100 << 20); for (long i = 0; i < 100 << 20; i += 4096) p[i] = 1; puts("touched"); free(p); fflush(stdout); abort(); }
E
gcc -O1 s.c -o s -lm && ./s; echo $?

#@ perl needs=perl quick
perl -e 'print "hello $]\n" =~ s/5\..*/5/r, "\n"; my %h; $h{$_}++ for map { $_ % 7 } 1..1000; print join(",", map {"$_=$h{$_}"} sort keys %h), "\n"'
perl -e 'my $p=fork; if(!$p){exit 3} waitpid $p,0; print $?>>8,"\n"; open my $f,"-|","echo piped"; print <$f>; print `echo tick`; system "exit 2"; print $?>>8,"\n"; $SIG{ALRM}=sub{die "alarm\n"}; eval{alarm 1; sleep 5}; print $@; kill "KILL",$$ if 0'
perl -ne 'print if /root/' /etc/passwd; seq 10 | perl -lane '$s+=$F[0]; END{print $s}'; perl -MPOSIX -e 'print POSIX::strftime("%F",gmtime 0),"\n"; pipe R,W; if(!fork){close R; print W "x" x 100000; exit} close W; local $/; print length(<R>),"\n"'
perl -MSocket -e 'socketpair(my $a,my $b,AF_UNIX,SOCK_STREAM,PF_UNSPEC); syswrite $a,"sock\n"; sysread $b,my $x,99; print $x'; perl -MTime::HiRes=sleep -e 'sleep 0.1; print "slept\n"'; perl -e 'die "dead\n"'; echo $?

#@ node needs=node quick timeout=60
node -e 'console.log(1+1, process.platform, process.arch, [..."abc"].reverse().join(""), process.cwd(), process.argv.length)'
cat > w.js <<'E'
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
if (isMainThread) {
  const sab = new SharedArrayBuffer(4); const n = 4; let left = n; const got = [];
  for (let i = 0; i < n; i++) { const w = new Worker(__filename, { workerData: { i, sab } }); w.on('message', (m) => got.push(m)); w.on('exit', (c) => { if (--left === 0) console.log(got.sort().join(' '), new Int32Array(sab)[0], c); }); }
} else { let s = 0; for (let k = 0; k < 1e6; k++) s += k % (workerData.i + 2); const a = new Int32Array(workerData.sab); for (let k = 0; k < 1000; k++) Atomics.add(a, 0, 1); parentPort.postMessage(`${workerData.i}:${s}`); }
E
node w.js
cat > c.js <<'E'
const cp = require('child_process'), fs = require('fs');
if (process.argv[2] === 'child') { process.on('message', (m) => { process.send({ echo: m }); process.disconnect(); }); }
else (async () => {
  console.log(cp.execSync('echo sync').toString(), cp.spawnSync('sh', ['-c', 'exit 4']).status, cp.spawnSync('sh', ['-c', 'kill -9 $$']).signal);
  await new Promise((r) => { const p = cp.spawn('cat'); let n = 0; p.stdout.on('data', (d) => (n += d.length)); p.on('close', (c) => { console.log('cat', n, c); r(); }); p.stdin.end('x'.repeat(300000)); });
  await new Promise((r) => { const p = cp.fork(__filename, ['child']); p.on('message', (m) => console.log(m)); p.on('exit', (c) => { console.log('fork exit', c); r(); }); p.send({ a: [1, 2] }); });
  await new Promise((r) => cp.execFile('ls', ['/nonexistent'], (e, o, s) => { console.log(e.code, s); r(); }));
  await new Promise((r) => cp.exec('sleep 5', { timeout: 200 }, (e) => { console.log(e.killed, e.signal); r(); }));
  await new Promise((r) => cp.spawn('/nope').on('error', (e) => { console.log(e.code); r(); }));
  fs.writeFileSync('big', Buffer.alloc(3e6, 'abc')); const h = require('crypto').createHash('md5');
  await require('stream/promises').pipeline(fs.createReadStream('big'), require('zlib').createGzip(), require('zlib').createGunzip(), h); console.log(h.digest('hex'));
  await require('stream/promises').pipeline(fs.createReadStream('big'), fs.createWriteStream('copy')); console.log(fs.statSync('copy').size);
  let t = 0; const i = setInterval(() => { if (++t === 5) { clearInterval(i); console.log('ticks', t); } }, 10);
  await new Promise((r) => setTimeout(r, 300)); setImmediate(() => console.log('immediate')); process.nextTick(() => console.log('tick'));
  const s = require('net').createServer((c) => c.pipe(c)).listen('sock', () => { const c = require('net').connect('sock', () => c.end('ping')); c.on('data', (d) => console.log(String(d))); c.on('close', () => s.close()); });
  fs.mkdirSync('d/e', { recursive: true }); const w = fs.watch('d', (ev, f) => { console.log(ev, f); w.close(); }); fs.writeFileSync('d/new', ''); fs.promises.readdir('d').then((l) => console.log(l)); process.on('SIGUSR2', () => console.log('usr2')); process.kill(process.pid, 'SIGUSR2');
  process.on('exit', (c) => console.log('exit', c));
})();
E
node c.js | sort; node -e 'process.exit(9)'; echo $?; node -e 'throw new Error("x")' 2>&1 | grep -c 'Error: x'; echo 'console.log("stdin")' | node -; node -e 'process.abort()' >/dev/null 2>&1; echo $?

#@ java needs=java,javac timeout=90
java -version 2>&1 | sed 's/[0-9][0-9.+_a-z-]*/N/g' | head -1
cat > H.java <<'E'
import java.util.*; import java.util.concurrent.*; import java.util.concurrent.atomic.*;
public class H { static int n; static synchronized void inc() { n++; }
 public static void main(String[] a) throws Exception { System.out.println("hello " + Runtime.version().feature() / 100);
  Thread[] t = new Thread[20]; for (int i = 0; i < 20; i++) { t[i] = new Thread(() -> { for (int k = 0; k < 10000; k++) inc(); }); t[i].start(); } for (Thread x : t) x.join(); System.out.println(n);
  ExecutorService ex = Executors.newFixedThreadPool(8); List<Future<Integer>> f = new ArrayList<>(); for (int i = 0; i < 100; i++) { int j = i; f.add(ex.submit(() -> j * j)); } int s = 0; for (var x : f) s += x.get(); System.out.println(s); ex.shutdown(); System.out.println(ex.awaitTermination(5, TimeUnit.SECONDS));
  System.out.println(java.util.stream.IntStream.range(0, 100000).parallel().filter(i -> i % 3 == 0).count());
  Process p = new ProcessBuilder("sh", "-c", "echo from child; exit 3").redirectErrorStream(true).start(); System.out.print(new String(p.getInputStream().readAllBytes())); System.out.println(p.waitFor());
  var path = java.nio.file.Files.writeString(java.nio.file.Path.of("f"), "text"); System.out.println(java.nio.file.Files.readString(path)); var ch = java.nio.channels.FileChannel.open(path); System.out.println(ch.map(java.nio.channels.FileChannel.MapMode.READ_ONLY, 0, 4).get(1));
  try { Object o = null; o.hashCode(); } catch (NullPointerException e) { System.out.println("npe"); } try { deep(0); } catch (StackOverflowError e) { System.out.println("so"); }
  var q = new LinkedBlockingQueue<Integer>(5); new Thread(() -> { try { for (int i = 0; i < 1000; i++) q.put(i); } catch (InterruptedException e) {} }).start(); long z = 0; for (int i = 0; i < 1000; i++) z += q.take(); System.out.println(z); Thread.sleep(50); System.exit(4); }
 static int deep(int i) { return deep(i + 1) + 1; } }
E
javac H.java && java H; echo $?

#@ java-gc needs=java,javac timeout=120
cat > G.java <<'E'
import java.util.*;
public class G { public static void main(String[] a) throws Exception { Thread[] t = new Thread[4]; long[] r = new long[4];
 for (int i = 0; i < 4; i++) { int j = i; t[i] = new Thread(() -> { Map<Integer, byte[]> m = new HashMap<>(); Random x = new Random(j); for (int k = 0; k < 30000; k++) { m.put(x.nextInt(500), new byte[1 + x.nextInt(8000)]); } for (byte[] b : m.values()) r[j] += b.length; }); t[i].start(); } for (Thread x : t) x.join(); System.out.println(Arrays.toString(r)); System.gc(); List<String> l = new ArrayList<>(); for (int i = 0; i < 200000; i++) l.add("s" + i); Collections.sort(l); System.out.println(l.get(77777)); } }
E
javac G.java; java -Xmx128m G; java -Xmx128m -XX:+UseSerialGC G; java -Xmx128m -XX:+UseParallelGC G; java -Xint -Xmx64m G
