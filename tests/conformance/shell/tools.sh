#### cat
printf 'a\n\n\nb\tc\n' > f; cat f; cat -n f; cat -b f; cat -A f; cat -s f; cat f - < f; cat nofile; echo $?; cat f nofile f; cat d 2>&1; mkdir d; cat d; echo $?; printf x | cat -n; echo; cat -Q f; echo $?
#### head and tail
seq 20 > f; head f; head -n 3 f; head -3 f; head -c 5 f; echo; head -n -17 f; tail -n 3 f; tail -2 f; tail -n +18 f; tail -c 6 f; head -n 1 f f; tail -n 1 f - < f; head -n x f; echo $?; head nofile; echo $?; tail -q -n 1 f f; seq 3 | tail -n 1
#### wc
printf 'one two\nthree\n' > f; wc f; wc -l f; wc -w < f; wc -c f f; wc -lw f; cat f | wc; wc nofile; echo $?; printf 'no end' | wc -l; printf 'é\n' | wc -m; wc -L f; wc -l < /dev/null
#### sort
printf 'b\na\nC\n10\n9\n' > f; sort f; sort -r f; sort -n f; sort -f f; sort -u f f; printf 'x 3\ny 1\nz 2\n' > g; sort -k2 g; sort -k2,2nr g; sort -t' ' -k2n g; printf '1K\n2M\n3\n' | sort -h; printf 'v1.10\nv1.9\n' | sort -V; sort nofile; echo $?; printf 'a:3:x\nb:1:y\n' | sort -t: -k2,2n; sort -o out f; head -n1 out; sort -c f; echo $?; printf 'b 1\na 1\n' | sort -s -k2
#### uniq
printf 'a\na\nb\nc\nc\nc\na\n' > f; uniq f; uniq -c f; uniq -d f; uniq -u f; printf 'A\na\n' | uniq -i; sort f | uniq -c | sort -rn; printf '1 a\n2 a\n' | uniq -f1
#### cut
printf 'a:b:c\nd:e:f\nnodelim\n' > f; cut -d: -f2 f; cut -d: -f1,3 f; cut -d: -f2- f; cut -d: -f-2 f; cut -s -d: -f1 f; cut -c1-3 f; cut -c2 f; cut -d: -f1,2 --output-delimiter=' ' f; cut f; echo $?; cut -d: f; echo $?; printf 'a\tb\n' | cut -f2; cut -d: -f0 f; echo $?
#### tr
echo hello | tr a-z A-Z; echo hello | tr -d l; echo aabbcc | tr -s a-c; echo 'a b  c' | tr -s ' ' '\n'; echo hello123 | tr -cd '0-9\n'; echo abc | tr abc xy; echo 'Hello' | tr '[:upper:]' '[:lower:]'; echo a.b | tr . '\n'; tr a; echo $?; echo abc | tr -c 'b\n' '-'; echo '[x]' | tr '[]' '()'
#### grep
printf 'apple\nBanana\ncherry pie\n123\nfoo.bar\n' > f; grep an f; grep -i banana f; grep -v a f; grep -n e f; grep -c a f; grep -o '[0-9]*' f; grep -E '^(a|c)' f; grep -F . f; grep -w pie f; grep -x 123 f; grep -q apple f; echo $?; grep nope f; echo $?; grep -l a f; grep a f nofile; echo $?; grep -e apple -e 123 f; grep -A1 apple f; grep -B1 123 f; grep -C1 cherry f; cat f | grep -H 123; grep -s x nofile; echo $?; grep 'a\|1' f; grep -E 'p{2}' f; grep 'p\{2\}' f; grep -m1 a f; grep -h a f f; grep '[[:digit:]]' f; grep -on a f; grep '\bpie\b' f; grep -vc a f; grep -E 'a(' f; echo $?; grep; echo $?
#### grep recursive
mkdir -p d/e; echo hit > d/a; echo hit > d/e/b; echo no > d/c; grep -r hit d | sort; grep -rl hit d | sort; cd d; grep -r hit | sort; grep -rc hit . | sort; grep hit *; echo $?; grep -rn --include='a*' hit .
#### sed substitute
printf 'hello world\nfoo bar foo\n' > f; sed s/o/0/ f; sed s/o/0/g f; sed 's/foo/X/2' f; sed -n 's/foo/X/p' f; sed 's/\(hello\) \(world\)/\2 \1/' f; sed -E 's/(\w+) (\w+)/\2 \1/' f; sed 's|o|/|g' f; sed 's/hello/[&]/' f; sed 's/HELLO/x/I' f; sed 's/o/\n/' f; sed -E 's/[aeiou]+/<&>/g' f; sed 's/^/> /;s/$/ </' f; sed -e s/a/b/ -e s/b/c/ f; sed 's/world/\U&/' f; sed 's/./\u&/' f; sed 's/x*/-/g' f; sed 's/a\|o/_/g' f
#### sed addresses
seq 10 > f; sed -n 3p f; sed -n '2,4p' f; sed -n '$p' f; sed 3d f; sed '2,9d' f; sed '/5/d' f; sed -n '/3/,/5/p' f; sed '1!d' f; sed -n '1~3p' f; sed '/^1$/,3d' f; sed -n '2,+2p' f; sed 5q f; sed -n '/9/='  f; sed '$!d' f; sed '0~5s/$/!/' f; sed '2q;d' f
#### sed other commands
printf 'a\nb\nc\n' > f; sed '2i\before' f; sed '2a after' f; sed '2c changed' f; sed 'y/abc/xyz/' f; sed 'N;s/\n/-/' f; sed -n 'H;${x;s/\n/,/g;p}' f; sed G f; sed '1h;2,$H;$!d;x' f; sed ':a;N;$!ba;s/\n/ /g' f; sed -n '2{p;p}' f; sed '/b/{s/b/B/;n;s/c/C/}' f; sed -n l f; sed 'n;d' f; sed = f; sed '/b/r f' f; sed 's/b/X/w out' f > /dev/null; cat out; sed -s -n '$p' f f; sed '2!s/$/!/' f; sed 1d\;2d f; sed '$a\' f; sed -n '$=' f; sed 'D' f; sed '/a/b end; s/^/x/; :end' f
#### sed in place and errors
printf 'one\ntwo\n' > f; sed -i s/one/1/ f; cat f; sed -i.bak s/two/2/ f; cat f f.bak; sed s/a f; echo $?; sed 'k' f; echo $?; sed p nofile; echo $?; sed -n '/x/' f; echo $?; sed 's/a/b/q' f; echo $?; sed '{p' f; echo $?; sed 's/\(a/b/' f; echo $?; printf x | sed s/x/y/; sed --expression=p -n f; sed 'p;}' f; echo $?
#### awk fields
printf 'alice 30 nyc\nbob 25 la\ncarol 35 sf\n' > f; awk '{print $1}' f; awk '{print $1, $3}' f; awk '{print NR": "$0}' f; awk 'END{print NR}' f; awk '$2>28{print $1}' f; awk '/bob/' f; awk '!/bob/{print $NF}' f; awk 'NR==2' f; awk '{s+=$2} END{print s, s/NR}' f; awk -F: '{print $2}' <<< 'a:b:c'; awk -v x=5 'BEGIN{print x*2}'; awk '{$2="X"; print}' f; awk '{print NF}' <<< 'a b c d'; awk 'BEGIN{OFS="-"} {$1=$1; print}' f; awk '{print $(NF-1)}' f; awk 'NR>1 && NR<3' f; awk '/alice/,/bob/{print "r", $1}' f
#### awk printf and strings
awk 'BEGIN{printf "%s|%5d|%-5s|%05.2f|%x|%c|%%\n", "s", 42, "ab", 3.14159, 255, "hello"}'; awk 'BEGIN{print length("hello"), substr("hello",2,3), index("hello","ll"), toupper("abc"), tolower("ABC")}'; awk 'BEGIN{s="aXbXc"; n=split(s,a,"X"); print n, a[1], a[3]; gsub(/X/,"-",s); print s; sub(/-/,"+",s); print s}'; awk 'BEGIN{print match("foobar", /o+/), RSTART, RLENGTH; print sprintf("%03d",7)}'; awk 'BEGIN{x="A"; y=x "B" 1+2; print y; print 1==1.0, "a"<"b", "10"<"9", 10<9}'; awk 'BEGIN{print 1/3, 100000000, 1e6, 0.1+0.2, 2^10, 7%3, -7%3, 1e20}'; awk 'BEGIN { print substr("hello", 4, 10) }'
#### awk control and arrays
awk 'BEGIN{for(i=0;i<3;i++) print i; while(i>0) {i--; if(i==1) continue; print "w" i}; do {i++} while(i<5); print i}'; printf 'a 1\nb 2\na 3\n' | awk '{c[$1]+=$2} END{for(k in c) print k, c[k]}' | sort; awk 'BEGIN{a["x"]=1; if("x" in a) print "in"; delete a["x"]; if(!("x" in a)) print "gone"; m[1,2]=3; for(k in m){split(k,p,SUBSEP); print p[1],p[2]}}'; awk 'function f(n){return n<2?n:f(n-1)+f(n-2)} BEGIN{print f(10)}'; awk 'function fill(arr){arr[1]="set"} BEGIN{fill(z); print z[1]}'; awk 'BEGIN{x=5; x+=2; x*=3; print x++ + ++x; print x; print !x, -x; print (x>3?"big":"small")}'; seq 5 | awk '{if($1%2) next; print} END{exit 3}'; echo $?; awk 'BEGIN{exit} END{print "end"}'; awk 'BEGIN { while ((getline line < "/etc/hostname") > 0) n++; print (n>0) }'
#### awk io
printf '1\n2\n' | awk '{print $1 > "out" $1}'; cat out1 out2; awk 'BEGIN{print "b\na" | "sort"; close("sort"); print "done"}'; awk 'BEGIN{"echo cmd" | getline x; print x; system("echo sys")}'; awk 'BEGIN{RS=""}{print NR": "$1" "NF}' <<< $'a b\nc\n\nd'; awk 'BEGIN{RS=";"}{print}' <<< 'x;y'; awk 'BEGIN{FS=","}{print $2}' <<< 'a,b'; awk -F'[:,]' '{print $3}' <<< 'a:b,c'; echo 'a  b' | awk -F' ' '{print $2}'; awk -F'\t' '{print $2}' <<< $'x y\tz'; awk '{print FILENAME, FNR, NR}' out1 out2; awk 'BEGIN{print ENVIRON["HOME"] != ""; print ARGC, ARGV[1]}' q; awk '{print x}' x=7 out1
#### find
mkdir -p t/a/b t/c; : > t/x.txt; : > t/a/y.txt; echo data > t/a/b/z.log; ln -s x.txt t/link; find t | sort; find t -name '*.txt' | sort; find t -type d | sort; find t -type f -name '*.log'; find t -maxdepth 1 | sort; find t -mindepth 2 -type f | sort; find t -empty -type f | sort; find t -type l; find t ! -name '*.txt' -type f; find t \( -name x.txt -o -name z.log \) | sort; find t -name '*.txt' -exec echo got {} \; | sort; find t -name '*.txt' -exec echo {} + | tr ' ' '\n' | sort; find nodir; echo $?; find t -path '*a/b*' | sort; find t -name y.txt -delete; find t -name y.txt; cd t; find . -name 'x*'; find -name 'x*'; find . -type f -size -1k | sort; find . -bogus; echo $?; find . -name a -prune -o -type f -print | sort
#### cp mv rm
echo data > a; cp a b; cat b; mkdir d; cp a d; ls d; cp a b d; ls d; cp -r d e; ls e; mv b c; ls; mv c d/; ls d; rm a; rm a; echo $?; rm -f a; echo $?; rm d; echo $?; rm -r d; ls; cp nofile x; echo $?; cp e f; echo $?; mv nofile x; echo $?; cp; echo $?; cp a; echo $?; mkdir g; cp -r e g; ls g; rm -rv g/e/a; touch q; mv q g/renamed; ls g; cp -r g g/sub; echo $?; rm -rf nothing; rm; echo $?; rmdir g; echo $?; mv e g e2; echo $?
#### mkdir rmdir touch ln
mkdir a; mkdir a; echo $?; mkdir x/y; echo $?; mkdir -p x/y/z; ls -R x; rmdir x; echo $?; rmdir x/y/z; rmdir -p x/y; ls; touch f; [ -e f ] && echo made; touch nodir/f; echo $?; ln -s f l; readlink l; ln f hard; ls -l hard | cut -d' ' -f2; ln -s f l; echo $?; ln -sf g l; readlink l; mkdir; echo $?; touch; echo $?; mkdir -v vv; mkdir -m 700 mm; stat -c %a mm; ln nofile q; echo $?
#### chmod and stat
: > f; chmod 644 f; stat -c '%a %A %n %F %s' f; chmod u+x f; stat -c %a f; chmod go-r f; stat -c %a f; chmod a=rw f; stat -c %a f; chmod +x f; stat -c %A f; chmod 1777 f; stat -c %A f; chmod u=rwx,g=rx,o= f; stat -c %a f; chmod bad f; echo $?; chmod 644 nofile; echo $?; chmod; echo $?; chmod g=u f; stat -c %a f; stat nofile; echo $?
#### ls
mkdir d; echo 12345 > d/file; : > d/.hid; : > d/b; mkdir d/sub; ls d; ls -a d; ls -A d; ls -1 d; ls -F d; ls -p d; ls -d d; ls d/file; ls d d/sub; ls -r d; ls nofile; echo $?; ls -R d; ls -S d; ls -m d; ls d/file nofile d/b; ls -l d/file | cut -c1-10; ls -lh d/file | tr -s ' ' | cut -d' ' -f5; ls -Q d; ls -i d/file | grep -c file; ls -l d | head -n 1; ls d/*; ls --bogus; echo $?; ls -ld d | cut -c1-4
#### paths
basename /a/b/c.txt; basename /a/b/c.txt .txt; basename -s .c x.c y.c; basename a/; basename /; dirname /a/b/c; dirname a; dirname /a; dirname a/b/ c; basename; echo $?; ln -s /tmp l; readlink l; readlink -f /usr/../tmp; readlink nolink; echo $?; realpath /usr/./bin/..; realpath -m /no/such/../path; realpath nofile/x; echo $?; which ls | sed 's/.*\///'; which nosuch; echo $?; pwd | grep -c /
#### seq
seq 3; seq 2 4; seq 1 2 6; seq 5 -2 1; seq -s, 3; seq -w 8 10; seq 0.5 0.5 2; seq 3 1; seq; echo $?; seq a; echo $?; seq 1 0 3; echo $?
#### xargs
echo a b c | xargs; echo a b c | xargs -n 1; printf 'a\nb c\n' | xargs -I{} echo '[{}]'; echo "a 'b c' d" | xargs -n1; printf 'a\0b' | xargs -0 -n1; echo | xargs echo empty; xargs -r echo no < /dev/null; echo 1 2 3 | xargs -n2 echo; echo x | xargs false; echo $?; echo x | xargs nosuchcmd; echo $?; seq 3 | xargs -t -n2 echo 2>&1; echo a,b | xargs -d, -n1; printf '1 2\n3\n' | xargs -L1 echo line
#### tee
echo x | tee a b; cat a b; echo y | tee -a a > /dev/null; cat a; echo z | tee /nonexistent/f; echo $?
#### diff
printf 'a\nb\nc\n' > x; printf 'a\nB\nc\nd\n' > y; diff x y; echo $?; diff x x; echo $?; diff -q x y; diff -u x y | tail -n +3; diff nofile x; echo $?; printf 'a\nb' > z; diff x z; diff <(seq 1 20) <(seq 1 20 | sed 's/^10$/ten/;3d'); mkdir d1 d2; echo 1 > d1/f; echo 2 > d2/f; echo only > d1/o; diff d1 d2; diff -r d1 d2 | tail -n 2; diff -s x x; diff -i <(echo A) <(echo a); echo $?; diff -w <(echo 'a  b') <(echo 'a b'); diff x; echo $?; diff -u --label A --label B x y; seq 30 > p; sed '2d;28d' p > q; diff -u --label A --label B p q
#### comm cmp paste
printf 'a\nb\n' > x; printf 'b\nc\n' > y; comm x y; comm -12 x y; comm -3 x y; cmp x y; echo $?; cmp x x; echo $?; paste x y; paste -d, x y; paste -s x; seq 4 | paste - -
#### base64 and sums
echo hello | base64; echo aGVsbG8K | base64 -d; head -c 100 /dev/zero | base64; printf '' | md5sum; echo hello | md5sum; echo hello | sha1sum; echo hello | sha256sum; echo abc > f; md5sum f; sha256sum f > s; sha256sum -c s; echo '!!' | base64 -d; echo $?; head -c 200 /dev/zero | sha256sum
#### tac rev nl fold
seq 3 | tac; echo abc | rev; printf 'a\n\nb\n' | nl; printf 'a\n\nb\n' | nl -ba; echo abcdefgh | fold -w 3; echo 'aa bb cc' | fold -s -w 5; printf 'a\tb\n' | expand
#### expr
expr 1 + 2; expr 7 / 2; expr 3 '*' 4; expr 5 % 3; expr 1 '<' 2; expr a = a; expr abc : 'a\(.\)c'; expr abc : 'ab'; expr length hello; expr substr hello 2 3; expr 0; echo $?; expr 1 + a; echo $?; expr; echo $?; expr '(' 1 + 2 ')' '*' 3; expr 1 / 0; echo $?
#### env and printenv
env -i A=1 B=2 env; FOO=bar printenv FOO; printenv NOSUCH; echo $?; env nosuchcmd; echo $?; env -u HOME bash -c 'echo ${HOME-unset}'; env X=1 bash -c 'echo $X'
#### timeout
timeout 0.1 sleep 5; echo $?; timeout 5 echo ok; echo $?; timeout 5 false; echo $?; timeout x echo; echo $?; timeout 1 nosuch; echo $?; timeout; echo $?
#### date
date -u -d @0; date -d @1700000000 +%F; date -u -d '2026-01-05 10:20:30' '+%Y/%m/%d %H:%M:%S %j %u %w %a %A %b %B %y %e %k %I %p %s %%'; date -d @86400 +%-d; date -u -d @0 -R; date -u -d @0 -Iseconds; date -d bogus; echo $?; date -u -d @1767600000 '+%U %V %G %W %C %D %T %R %n%t|'; date a b; echo $?
#### id and friends
whoami > /dev/null && echo ok; id -u > /dev/null && echo ok; uname; uname -s; uname -o; hostname > /dev/null && echo ok; true; echo $?; false; echo $?; nproc > /dev/null && echo ok; sleep; echo $?; sleep abc; echo $?; sleep 0.01; echo slept
#### external echo printf test
/usr/bin/echo -e 'a\tb'; /usr/bin/printf '%s-%d\n' a 5; /usr/bin/test 1 -lt 2 && echo yes; /usr/bin/[ a = b ] || echo no; /usr/bin/printf '%d\n' abc; echo $?; /usr/bin/test a -eq 1; echo $?
#### yes and head
yes | head -n 2; yes no way | head -n 1; yes | head -c 10; echo
#### od and strings
printf 'AB\n' | od -c; printf 'AB\n' | od -An -tx1; printf 'hello\0world' | strings
#### mktemp split
f=$(mktemp); [ -f $f ] && echo file; d=$(mktemp -d); [ -d $d ] && echo dir; rm -r $f $d; seq 5 | split -l 2 - part; ls part*; cat partab; mktemp aXb; echo $?
#### pipelines people type
printf 'GET / 200\nGET /x 404\nPOST / 200\nGET / 200\n' > log; awk '{print $3}' log | sort | uniq -c | sort -rn | head -1 | awk '{print $2}'; grep -c ' 200' log; cut -d' ' -f1 log | sort -u | paste -sd,; sed -n '/404/p' log | tr ' ' '\n' | tail -1; for u in $(awk '{print $2}' log | sort -u); do echo "$u $(grep -c " $u " log)"; done; cat log | while read m p c; do [ $c = 404 ] && echo "missing $p"; done
#### find -exec + fails where a command does
touch a b; find a b -exec false {} +; echo $?; find a b -exec false {} \;; echo $?; find a -exec true {} +; echo $?; find a b -exec ls {} +; find a nope -exec echo {} + 2>/dev/null; echo $?
#### seq -f
seq -f '%03g' 1 3; seq -f '%.2f' 0 0.5 1; seq -f 'a%g%%' 2; seq -f x 1; seq -f '%d' 1; seq --format=%g -s, 3
#### sort merges, and takes lines that end in NUL
printf 'a\nc\n' > f; printf 'b\nd\n' > g; sort -m f g; printf 'x\0y\0a\0' | sort -z | tr '\0' '\n'; sort -R f | sort; printf 'b\na\n' | sort --check=quiet; echo $?; printf 'b\na\nb\n' | sort -R | uniq | wc -l
#### head and tail of lines that end in NUL
printf 'a\0b\0c\0' | head -z -n 2 | tr '\0' '\n'; printf 'a\0b\0c\0' | tail -z -n 1 | tr '\0' '\n'
#### find follows links, and runs commands where it found something
mkdir -p d/e; echo x > d/e/f; ln -s e d/l; ln -s nowhere d/b; find -L d -type f | sort; find -L d -type l; find d -lname 'now*'; find d -type f -execdir echo {} \;
#### fold by no column at all
echo abc | fold -w 0; echo $?
