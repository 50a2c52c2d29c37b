# Python: processes, threads, asyncio, files.

#@ basics needs=python3 quick
python3 -c 'import sys, platform; print(sys.version_info[:2], platform.system(), platform.machine(), sys.getfilesystemencoding())'
python3 -c 'import json, hashlib, struct, math, decimal; print(json.dumps({"a":[1,2.5,None]}), hashlib.sha256(b"x").hexdigest(), struct.pack("<IHd",1,2,3.5), math.pi, decimal.Decimal(1)/7)'
python3 -c 'import os; print(os.getcwd(), os.cpu_count(), len(os.sched_getaffinity(0)), os.uname().sysname, os.getlogin if 0 else "", os.path.exists("/proc/self"), os.get_terminal_size if 0 else "")'
python3 -c 'raise SystemExit(5)'; echo $?
python3 -c 'import os; os.abort()'; echo $?
python3 -c 'import ctypes; ctypes.string_at(0)'; echo $?
python3 -c 'print(sum(i*i for i in range(10**6)))'
python3 -c 'x=[bytearray(1<<20) for _ in range(100)]; print(len(x)); del x; print(sorted(set(hash(i)%97 for i in range(1000)))[:5])'

#@ subprocess needs=python3 quick
cat > t.py <<'E'
import subprocess, os, signal, sys
print(subprocess.run(["echo","hi"],capture_output=True,text=True))
print(subprocess.check_output("echo $((1+1)); exit 0",shell=True))
p=subprocess.Popen(["cat"],stdin=subprocess.PIPE,stdout=subprocess.PIPE); print(p.communicate(b"x"*200000)[0]==b"x"*200000, p.returncode)
p=subprocess.Popen(["sleep","10"]); p.terminate(); print(p.wait())
try: subprocess.run(["sleep","5"],timeout=0.2)
except subprocess.TimeoutExpired as e: print(e)
try: subprocess.run(["/nonexistent"])
except FileNotFoundError as e: print(e)
try: subprocess.run(["true"],cwd="/nope")
except FileNotFoundError as e: print(e)
print(subprocess.run("exit 3",shell=True).returncode, subprocess.run("kill -9 $$",shell=True).returncode)
a=subprocess.Popen(["seq","1000"],stdout=subprocess.PIPE); b=subprocess.Popen(["tail","-1"],stdin=a.stdout,stdout=subprocess.PIPE); a.stdout.close(); print(b.communicate())
r,w=os.pipe(); p=subprocess.Popen(["sh","-c",f"echo via fd >&{w}"],pass_fds=[w]); os.close(w); print(os.read(r,100)); p.wait()
print(subprocess.run(["sh","-c","ulimit -n"],preexec_fn=lambda: __import__("resource").setrlimit(7,(99,99)),capture_output=True).stdout)
print(subprocess.run(["sh","-c","ps -o pgid= -p $$ | tr -d ' ' | grep -qx $$ && echo leader"],start_new_session=True,capture_output=True).stdout if os.path.exists("/usr/bin/ps") else b"leader\n")
pid=os.fork()
if pid==0: os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid,0)[1]), os.system("exit 4")>>8)
pid=os.posix_spawn("/bin/echo",["echo","spawned"],{}); os.waitpid(pid,0)
print([subprocess.run(["echo",str(i)],capture_output=True).stdout for i in range(20)][-1])
E
python3 t.py

#@ threading needs=python3 quick
cat > t.py <<'E'
import threading, queue, time, concurrent.futures as cf
q=queue.Queue(10); out=[]
def prod():
    for i in range(2000): q.put(i)
    q.put(None)
def cons():
    while (x:=q.get()) is not None: out.append(x)
ts=[threading.Thread(target=f) for f in (prod,cons)]; [t.start() for t in ts]; [t.join() for t in ts]
print(len(out), out==list(range(2000)))
n=0; lock=threading.Lock()
def inc():
    global n
    for _ in range(5000):
        with lock: n+=1
ts=[threading.Thread(target=inc) for _ in range(16)]; [t.start() for t in ts]; [t.join() for t in ts]; print(n)
with cf.ThreadPoolExecutor(8) as ex: print(sum(ex.map(lambda x:x*x, range(1000))))
ev=threading.Event(); threading.Timer(0.1,ev.set).start(); print(ev.wait(5), ev.wait(0))
b=threading.Barrier(5); r=[]; ts=[threading.Thread(target=lambda:r.append(b.wait())) for _ in range(5)]; [t.start() for t in ts]; [t.join() for t in ts]; print(sorted(r))
c=threading.Condition(); s=threading.Semaphore(2)
with c: print(c.wait(0.05))
l=threading.local(); l.x=1; print(threading.active_count(), threading.current_thread().name)
for i in range(200): t=threading.Thread(target=lambda:None); t.start(); t.join()
print("done")
E
python3 t.py

#@ multiprocessing needs=python3 timeout=60
cat > t.py <<'E'
import multiprocessing as mp, os, sys
from multiprocessing import shared_memory
def sq(x): return x*x
def child(c,q,v,l):
    c.send(("hi",c.recv())); q.put([1,2]); 
    for _ in range(1000):
        with l: v.value+=1
def work(m):
    ctx=mp.get_context(m)
    a,b=ctx.Pipe(); q=ctx.Queue(); v=ctx.Value("i",0); l=ctx.Lock()
    p=ctx.Process(target=child,args=(b,q,v,l)); p.start(); a.send(5); print(m,a.recv(),q.get()); p.join(); print(p.exitcode,v.value)
    with ctx.Pool(3) as pool: print(pool.map(sq,range(20)), pool.apply_async(sq,(9,)).get())
    p=ctx.Process(target=sys.exit,args=(3,)); p.start(); p.join(); print(p.exitcode)
    ev=ctx.Event(); p=ctx.Process(target=ev.set); p.start(); print(ev.wait(20)); p.join()
if __name__=="__main__":
    for m in ("fork","spawn","forkserver"): work(m)
    s=shared_memory.SharedMemory(create=True,size=4096); s.buf[:3]=b"abc"; t=shared_memory.SharedMemory(name=s.name); print(bytes(t.buf[:3])); t.close(); s.close(); s.unlink()
    with mp.Manager() as m: d=m.dict(); d["k"]=1; print(dict(d))
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(2) as ex: print(list(ex.map(sq,range(5))))
E
python3 t.py

#@ asyncio needs=python3 quick
cat > t.py <<'E'
import asyncio, socket, signal, os
async def main():
    p=await asyncio.create_subprocess_exec("sh","-c","cat; echo err >&2; exit 3",stdin=-1,stdout=-1,stderr=-1)
    print(await p.communicate(b"in"), p.returncode)
    print(await asyncio.gather(*[sub(i) for i in range(5)]))
    a,b=socket.socketpair(); r,w=await asyncio.open_connection(sock=a); r2,w2=await asyncio.open_connection(sock=b)
    w.write(b"line\n"*1000); w.write_eof(); n=0
    async for l in r2: n+=1
    print(n); w2.write(b"reply"); w2.close(); print(await r.read()); w.close()
    srv=await asyncio.start_unix_server(lambda r,w: echo(r,w),"sock"); r,w=await asyncio.open_unix_connection("sock"); w.write(b"ping\n"); print(await r.readline()); w.close(); srv.close()
    loop=asyncio.get_running_loop(); f=loop.create_future(); loop.add_signal_handler(signal.SIGUSR1,f.set_result,"usr1"); os.kill(os.getpid(),signal.SIGUSR1); print(await f)
    try: await asyncio.wait_for(asyncio.sleep(5),0.1)
    except asyncio.TimeoutError: print("timeout")
    print(await loop.run_in_executor(None,sum,range(100))); print(await asyncio.to_thread(os.getcwd))
async def sub(i):
    p=await asyncio.create_subprocess_shell(f"sleep 0.{i}; echo {i}",stdout=-1); return (await p.communicate())[0]
async def echo(r,w): w.write(await r.readline()); await w.drain(); w.close()
asyncio.run(main())
E
python3 t.py

#@ sqlite3-module needs=python3 quick
cat > t.py <<'E'
import sqlite3, threading
c=sqlite3.connect("t.db"); c.execute("pragma journal_mode=wal"); c.execute("create table t(a integer primary key,b text)")
with c: c.executemany("insert into t(b) values(?)",[(str(i),) for i in range(5000)])
try:
    with c: c.execute("insert into t values(1,'dup')")
except sqlite3.IntegrityError as e: print(e)
print(c.execute("select count(*),sum(a),max(b) from t").fetchone())
d=sqlite3.connect("t.db",timeout=0.1); d.execute("begin immediate")
try: c.execute("pragma busy_timeout=100"); c.execute("begin immediate")
except sqlite3.OperationalError as e: print(e)
d.rollback(); print(c.execute("pragma integrity_check").fetchall()); c.execute("create index i on t(b)"); print(c.execute("select a from t where b='77'").fetchall())
def w():
    e=sqlite3.connect("t.db",timeout=20)
    for i in range(20):
        with e: e.execute("insert into t(b) values('w')")
ts=[threading.Thread(target=w) for _ in range(4)]; [t.start() for t in ts]; [t.join() for t in ts]
print(c.execute("select count(*) from t where b='w'").fetchone()); c.execute("vacuum"); c.close()
E
python3 t.py; ls

#@ mmap-signal-select needs=python3 quick
cat > t.py <<'E'
import mmap, os, signal, select, time, fcntl, socket, array, resource, errno
with open("f","wb+") as f:
    f.truncate(1<<20); m=mmap.mmap(f.fileno(),0); m[1000:1005]=b"hello"; m.flush(); f.seek(1000); print(f.read(5)); print(m.find(b"hello")); m.resize(1<<21); print(len(m), os.path.getsize("f")); m.close()
m=mmap.mmap(-1,4096); 
if os.fork()==0: m[0]=65; os._exit(0)
os.wait(); print(m[0])
m=mmap.mmap(-1,1<<16,flags=mmap.MAP_PRIVATE|mmap.MAP_ANONYMOUS)
if os.fork()==0: m[0]=66; os._exit(0)
os.wait(); print(m[0])
signal.signal(signal.SIGALRM,lambda s,f:print("alarm",s)); signal.setitimer(signal.ITIMER_REAL,0.1); signal.pause()
signal.pthread_sigmask(signal.SIG_BLOCK,[signal.SIGUSR1]); os.kill(os.getpid(),signal.SIGUSR1); print(signal.sigpending(), signal.sigtimedwait([signal.SIGUSR1],1).si_signo, signal.sigtimedwait([signal.SIGUSR1],0.05))
r,w=os.pipe(); print(select.select([r],[w],[],0.05)[1]==[w]); os.write(w,b"x"); print(select.select([r],[],[],1)[0]==[r])
p=select.poll(); p.register(r,select.POLLIN); print([e for _,e in p.poll(100)]); e=select.epoll(); e.register(r,select.EPOLLIN|select.EPOLLET); print([x for _,x in e.poll(1)], e.poll(0.05))
os.set_blocking(r,False); os.read(r,1)
try: os.read(r,1)
except BlockingIOError as x: print(x)
f=open("lock","w"); fcntl.flock(f,fcntl.LOCK_EX); g=open("lock")
try: fcntl.flock(g,fcntl.LOCK_EX|fcntl.LOCK_NB)
except BlockingIOError as x: print(x)
a,b=socket.socketpair(); socket.send_fds(a,[b"fd"],[r]); d=socket.recv_fds(b,10,1); print(d[0], len(d[1])); os.write(w,b"through"); print(os.read(d[1][0],10))
print(resource.getrlimit(resource.RLIMIT_CORE)[0], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss>1000, time.clock_getres(time.CLOCK_MONOTONIC))
fd=os.memfd_create("m"); os.write(fd,b"mem"); print(os.pread(fd,10,0), os.fstat(fd).st_size); print(os.eventfd_read(os.eventfd(3)))
t=time.monotonic(); time.sleep(0.2); print(0.2<=time.monotonic()-t<2); print(os.sendfile(w,fd,0,3), os.read(r,9)); print(os.copy_file_range(fd,os.open("cp",os.O_RDWR|os.O_CREAT),3,0), os.path.getsize("cp"))
try: os.setuid(1); os.kill(1,0)
except PermissionError as x: print(x)
os.close(w); print(os.read(r,1)); print(os.strerror(errno.ELOOP))
E
python3 t.py

#@ files needs=python3
cat > t.py <<'E'
import tempfile, shutil, zipfile, tarfile, os, pathlib, glob, gzip, lzma, bz2, stat, filecmp, csv, configparser, pickle, io
d=tempfile.mkdtemp(); p=pathlib.Path(d); (p/"a"/"b").mkdir(parents=True); (p/"a"/"x.txt").write_text("é text"); os.symlink("x.txt",p/"a"/"s"); os.link(p/"a"/"x.txt",p/"h")
shutil.copytree(d,"copy",symlinks=True); print(sorted(str(x) for x in pathlib.Path("copy").rglob("*"))); print(filecmp.dircmp(d,"copy").diff_files, shutil.disk_usage(".").total>0)
with zipfile.ZipFile("z.zip","w",zipfile.ZIP_DEFLATED) as z: z.write("copy/a/x.txt"); z.writestr("big","x"*100000)
with zipfile.ZipFile("z.zip") as z: print(z.namelist(), z.testzip()); z.extractall("un")
shutil.make_archive("arc","gztar","copy"); print(sorted(tarfile.open("arc.tar.gz").getnames()))
for m in (gzip,lzma,bz2): b=os.urandom(1000)*100; print(m.decompress(m.compress(b))==b)
os.chmod("un",0o500); print(stat.filemode(os.stat("un").st_mode), os.access("un",os.R_OK)); shutil.rmtree("copy"); shutil.rmtree(d); print(sorted(os.listdir(".")))
with tempfile.TemporaryFile() as f: f.write(b"abc"); f.seek(0); print(f.read(), os.fstat(f.fileno()).st_nlink)
with tempfile.NamedTemporaryFile(delete=True) as f: print(os.path.exists(f.name))
os.utime("z.zip",(1,2)); s=os.stat("z.zip"); print(s.st_atime,s.st_mtime); os.rename("z.zip","y.zip"); os.replace("y.zip","t.zip"); os.truncate("t.zip",5); print(os.path.getsize("t.zip"))
print([e.name for e in sorted(os.scandir("un"),key=lambda e:e.name)], sorted(glob.glob("**/*",recursive=True))); os.setxattr("t.zip","user.k",b"v") if hasattr(os,"setxattr") and 0 else None
pickle.dump({"a":1},open("p","wb")); print(pickle.load(open("p","rb"))); print(os.statvfs(".").f_namemax, len(os.listdir("/etc"))>3)
try: open("/etc","w")
except IsADirectoryError as e: print(e)
E
python3 t.py
