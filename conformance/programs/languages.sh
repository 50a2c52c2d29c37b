# Languages and their runtimes: threads, garbage collectors, guard pages, processes and pipes, each in its own way.

#@ ruby needs=ruby
cat > a.rb <<'E'
require 'socket'
r, w = IO.pipe
pid = fork { r.close; w.puts((1..1000).sum); exit! 3 }
w.close; puts r.read; Process.wait pid; puts $?.exitstatus
q = Queue.new; 8.times.map { |i| Thread.new { q << i } }.each(&:join); puts q.size
puts `uname -s`
s = TCPServer.new('127.0.0.1', 0); Thread.new { c = s.accept; c.puts 'hey'; c.close }
puts TCPSocket.new('127.0.0.1', s.addr[1]).read
f = Fiber.new { Fiber.yield 5; 6 }; puts f.resume, f.resume
trap(:USR1) { puts :usr1 }; Process.kill(:USR1, $$); sleep 0.1
GC.stress = true; puts Array.new(100) { |i| i.to_s * 3 }.join.size; GC.stress = false
begin; def deep(n) = deep(n + 1); deep(0); rescue SystemStackError => e; puts e.class; end
E
ruby a.rb

#@ php needs=php
cat > a.php <<'E'
<?php
var_dump(array_sum(range(1, 1000)), getmypid() > 0, php_uname('s'));
$p = proc_open(['cat'], [['pipe', 'r'], ['pipe', 'w']], $f); fwrite($f[0], 'hello'); fclose($f[0]); echo stream_get_contents($f[1]), PHP_EOL; var_dump(proc_close($p));
$s = stream_socket_server('tcp://127.0.0.1:0'); $c = stream_socket_client('tcp://' . stream_socket_get_name($s, false)); $d = stream_socket_accept($s); fwrite($d, "over tcp\n"); echo fgets($c);
var_dump(flock(fopen('lock', 'w'), LOCK_EX), file_put_contents('x', 'abc'), filesize('x'));
E
php a.php

#@ elixir needs=elixir,erl timeout=60
cat > a.exs <<'E'
IO.inspect(1..2000 |> Enum.map(fn i -> Task.async(fn -> i * i end) end) |> Enum.map(&Task.await/1) |> Enum.sum())
{o, 0} = System.cmd("echo", ["hi"]); IO.write(o)
{:ok, l} = :gen_tcp.listen(0, active: false); {:ok, p} = :inet.port(l)
spawn(fn -> {:ok, s} = :gen_tcp.accept(l); :gen_tcp.send(s, "tcp ok"); :gen_tcp.close(s) end)
{:ok, c} = :gen_tcp.connect(~c"127.0.0.1", p, active: false); IO.inspect(:gen_tcp.recv(c, 0))
File.write!("x", "abc"); IO.inspect(File.stat!("x").size)
Process.send_after(self(), :late, 50); receive do m -> IO.inspect(m) end
E
elixir a.exs

#@ lua needs=lua5.4
lua5.4 -e 'local h = io.popen("echo one; exit 3"); print(h:read("a")); print(h:close()); local t = {} for i = 1, 1e6 do t[i] = i end print(#t); print(pcall(function() local function f() return 1 + f() end return f() end) == false)'

#@ sbcl needs=sbcl timeout=60
cat > a.lisp <<'E'
(print (loop for i below 1000000 sum i))
(print (length (loop repeat 200000 collect (make-array 100)))) (gc :full t)
(print (handler-case (error "x") (error () :caught))) (terpri)
(sb-ext:run-program "/bin/echo" (list "from sbcl") :output *standard-output*)
(print (mapcar #'sb-thread:join-thread (loop for i below 4 collect (let ((i i)) (sb-thread:make-thread (lambda () (* i i)))))))
(print (handler-case (labels ((f (n) (1+ (f n)))) (f 1)) (sb-kernel::control-stack-exhausted () :exhausted)))
(print (handler-case (funcall (lambda (x) (declare (optimize (safety 0))) (sb-sys:sap-ref-8 (sb-sys:int-sap x) 0)) 16) (sb-sys:memory-fault-error () :fault)))
E
sbcl --noinform --non-interactive --load a.lisp 2>/dev/null

#@ ocaml needs=ocaml
cat > a.ml <<'E'
let () = let d = List.init 4 (fun i -> Domain.spawn (fun () -> Array.fold_left (+) i (Array.init 100000 Fun.id))) in List.iter (fun d -> Printf.printf "%d\n" (Domain.join d)) d
let () = match (let rec f n = 1 + f n in f 0) with exception Stack_overflow -> print_endline "overflow" | _ -> ()
let () = Gc.compact (); Printf.printf "%b\n" ((Gc.stat ()).heap_words > 0)
E
ocaml a.ml

#@ ghc needs=ghc timeout=120
cat > A.hs <<'E'
import Control.Concurrent
import Control.Exception
import Control.Monad
import System.IO
main = do
  v <- newEmptyMVar
  forM_ [1..1000] (\i -> forkIO (putMVar v (i * i)))
  xs <- replicateM 1000 (takeMVar v)
  print (sum xs :: Int)
  r <- try (evaluate (1 `div` (0 :: Int))) :: IO (Either ArithException Int)
  print r
  threadDelay 20000 >> hPutStrLn stderr "late"
E
ghc -O1 -threaded -rtsopts A.hs -o a >/dev/null && ./a +RTS -N4 2>&1

#@ r needs=Rscript timeout=60
Rscript -e 'x <- matrix(1:10000 / 7, 100); print(round(sum(solve(crossprod(x) + diag(100))), 4)); print(unlist(parallel::mclapply(1:4, function(i) i^2, mc.cores = 2))); cat(system("echo from a shell", intern = TRUE), "\n"); f <- fifo("f", "w+"); writeLines("through", f); print(readLines(f, 1))'

#@ guile needs=guile
guile --no-auto-compile -c '(use-modules (ice-9 threads) (ice-9 popen) (ice-9 rdelim)) (display (par-map (lambda (x) (* x x)) (iota 10))) (newline) (display (read-line (open-input-pipe "echo pipe"))) (newline)'

#@ prolog needs=swipl
swipl -g 'findall(X, between(1, 100000, X), L), sum_list(L, S), writeln(S), concurrent_maplist([A, B]>>(B is A * A), [1, 2, 3], R), writeln(R), garbage_collect, process_create(path(echo), [out], [stdout(pipe(O))]), read_string(O, _, T), write(T)' -t halt

#@ octave needs=octave-cli timeout=60
octave-cli --no-window-system --eval 'A = magic(50); printf("%.4f\n", real(eig(A)(1))); [s, o] = system("echo shell; exit 2"); disp(s), disp(o); disp(fft(1:4))' 2>/dev/null

#@ mono needs=mcs,mono timeout=60
cat > a.cs <<'E'
using System; using System.Threading.Tasks; using System.Linq;
class A { static int Deep(int n) { return n == 0 ? 0 : 1 + Deep(n - 1); }
  static void Main() { Console.WriteLine(Enumerable.Range(1, 1000).AsParallel().Select(x => x * x).Sum()); try { object o = null; o.ToString(); } catch (NullReferenceException) { Console.WriteLine("null"); }
    Console.WriteLine(Task.Run(async () => { await Task.Delay(20); return 5; }).Result); for (int i = 0; i < 200; i++) GC.KeepAlive(new byte[100000]); GC.Collect(); Console.WriteLine(Deep(5000)); } }
E
mcs a.cs && mono a.exe

#@ sanitizers needs=clang,gcc timeout=120
# Terabytes of shadow memory at addresses of their own choice.
cat > s.c <<'E'
#include <stdio.h>
#include <stdlib.h>
int main(int c, char **v) { int *p = malloc(12); int a[3] = { 1, 2, 3 }; printf("%d\n", a[c - 1]); fflush(stdout); return c > 1 ? p[c + 1] : 0; }
E
clang -fsanitize=address,undefined -g s.c -o s && ./s; echo $?; ./s x y 2>&1 | grep -o 'AddressSanitizer: [a-z-]*' | head -1
clang -fsanitize=thread -g -O1 s.c -o t && ./t; echo $?; clang -fsanitize=memory s.c -o m && ./m; echo $?; gcc -fsanitize=address s.c -o g && ./g 2>&1 | grep -c 'detected memory leaks'
for sort in safe-stack cfi; do clang -fsanitize=$sort -flto -fvisibility=hidden -fuse-ld=lld s.c -o x && ./x; echo $?; done

#@ valgrind needs=valgrind,gcc timeout=60
printf '#include <stdlib.h>\nint main(void) { int *p = malloc(40); p[10] = 1; return p[0]; }\n' > v.c; gcc -g v.c -o v; valgrind -q --error-exitcode=9 ./v 2>&1 | sed 's/==[0-9]*==//; s/0x[0-9A-F]*/X/g'; echo ${PIPESTATUS[0]}
valgrind --tool=callgrind --callgrind-out-file=/dev/null /bin/true 2>&1 | grep -c Collected; valgrind --tool=helgrind -q ./v; echo $?

#@ cmake-ninja needs=cmake,ninja,gcc timeout=60
mkdir -p p/b; printf 'cmake_minimum_required(VERSION 3.20)\nproject(x C)\nfind_package(Threads REQUIRED)\nadd_executable(x x.c)\ntarget_link_libraries(x Threads::Threads)\nenable_testing()\nadd_test(NAME t COMMAND x)\n' > p/CMakeLists.txt; echo 'int main(void) { return 0; }' > p/x.c; cd p/b; cmake -G Ninja .. | grep -c Detecting; ninja | tail -1; ctest | grep passed

#@ qemu-user needs=qemu-x86_64,busybox
qemu-x86_64 "$(command -v busybox)" sh -c 'echo inside; uname -s; ls /etc/passwd; (exit 4); echo $?; exit 5'; echo $?

#@ emacs needs=emacs
emacs --batch --eval '(progn (princ (shell-command-to-string "echo shell")) (with-temp-buffer (insert "b\na\n") (sort-lines nil (point-min) (point-max)) (princ (buffer-string))) (let ((p (make-process :name "c" :command (list "cat") :filter (lambda (p s) (princ s))))) (process-send-string p "through a pty\n") (process-send-eof p) (while (accept-process-output p 2))))' 2>/dev/null

#@ nvim needs=nvim
nvim --headless -u NONE -c 'echo system("echo shell")' -c 'lua vim.loop.new_timer():start(10, 0, function() io.write("timer\n") end); vim.wait(300)' -c 'lua local f = io.open("x", "w"); f:write("abc"); f:close(); io.write(vim.loop.fs_stat("x").size, "\n")' -c q 2>&1

#@ racket needs=racket timeout=60
racket -e '(define c (make-channel)) (for ([i 100]) (thread (lambda () (channel-put c (* i i))))) (displayln (for/sum ([i 100]) (channel-get c)))' -e '(require racket/system) (system "echo shell")' -e '(define-values (p o i e) (subprocess #f #f #f "/bin/cat")) (displayln "through" i) (close-output-port i) (displayln (read-line o)) (displayln (for/sum ([f (in-list (for/list ([i 4]) (thread (lambda () (sleep 0.01)))))]) (thread-wait f) 1))'

#@ pascal needs=fpc timeout=60
cat > a.pas <<'E'
program a; {$mode objfpc} uses cthreads, sysutils, classes;
type t = class(TThread) procedure Execute; override; end; var n: longint = 0; i: integer; l: array[1..4] of t; p: ^integer = nil;
procedure t.Execute; var k: integer; begin for k := 1 to 10000 do InterlockedIncrement(n); end;
begin for i := 1 to 4 do l[i] := t.Create(false); for i := 1 to 4 do l[i].WaitFor; writeln(n); try p^ := 1; except on e: EAccessViolation do writeln('access violation'); end; writeln(1 / 3:0:6); end.
E
fpc -v0 a.pas >/dev/null 2>&1; ./a
