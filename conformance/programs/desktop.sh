# Programs of the desktop, without one: browsers with processes and sandboxes of their own, an office, media.

#@ chromium needs=chromium timeout=120
echo '<p id=a>x</p><script>document.getElementById("a").textContent = [1, 2, 3].map((x) => x * x).join() + " " + new Intl.NumberFormat("en").format(12345)</script>' > p.html
run() { chromium --headless --no-sandbox --disable-gpu --user-data-dir="$PWD/c" "$@" "file://$PWD/p.html" 2>/dev/null; }
run --dump-dom; run --screenshot="$PWD/s.png" --window-size=300,200 >/dev/null; cksum < s.png

#@ firefox needs=firefox-esr timeout=120
export HOME=$PWD; echo '<h1>x</h1>' > p.html
firefox-esr --headless --screenshot "$PWD/f.png" --window-size=300,200 "file://$PWD/p.html" >/dev/null 2>&1; echo $?; cksum < f.png

#@ libreoffice needs=soffice timeout=120
export HOME=$PWD; printf 'hello\nworld\n' > a.txt; soffice --headless --convert-to pdf a.txt >/dev/null 2>&1; echo $?; head -c 5 a.pdf; echo
soffice --headless --convert-to odt a.txt >/dev/null 2>&1; soffice --headless --convert-to txt:Text --outdir out a.odt >/dev/null 2>&1; cat out/a.txt

#@ ffmpeg needs=ffmpeg,ffprobe timeout=60
ffmpeg -v error -f lavfi -i testsrc=duration=2:size=320x240:rate=10 -f lavfi -i sine=d=2 -c:v libx264 -threads 4 -c:a aac -bitexact o.mp4 && ffprobe -v error -show_entries stream=codec_name,nb_frames -of csv o.mp4 && ffmpeg -v error -i o.mp4 -f framemd5 - | tail -2

#@ pandoc needs=pandoc timeout=60
printf '# a\n\n*b* c\n' | pandoc -t html; printf '# a\n' | pandoc -o x.docx && pandoc x.docx -t markdown

#@ gnuplot needs=gnuplot
printf 'set term dumb 60 15\nplot sin(x)\n' | gnuplot

#@ wine needs=wine,wineserver timeout=200
# Programs of Windows: the GS base is theirs, and so are the lowest addresses they can get.
export HOME=$PWD WINEPREFIX=$PWD/w WINEDEBUG=-all DISPLAY=
wine cmd /c 'ver & echo hello & mkdir C:\a & cd C:\a & echo text > f & type f & dir /b C:\ & exit 5' 2>/dev/null | tr -d '\r'; echo ${PIPESTATUS[0]}; wineserver -w
