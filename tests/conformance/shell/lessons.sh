#### 1: for i in {1..3}; do echo "n$i"; done | while rea
for i in {1..3}; do echo "n$i"; done | while read x; do echo "<$x>"; done
#### 2: a=(1 2 "3 4"); echo "${a[@]} ${a[2]} ${a[@]:1}"
a=(1 2 "3 4"); echo "${#a[@]} ${a[2]} ${a[@]:1}"; for x in "${a[@]}"; do echo "[$x]"; done
#### 3: declare -A m; m[a]=1; m[b]=2; for k in a b; do e
declare -A m; m[a]=1; m[b]=2; for k in a b; do echo $k=${m[$k]}; done; echo ${#m[@]}
#### 4: x=hello; echo ${x^} ${x^^} ${x:1:3} ${x/l/L} ${x
x=hello; echo ${x^} ${x^^} ${x:1:3} ${x/l/L} ${x//l/L} ${x#he} ${x%lo} ${x: -2}
#### 5: echo ${undefined:-def} ${undefined:=set} $undefi
echo ${undefined:-def} ${undefined:=set} $undefined ${x:+alt}; : ${z:?missing}; echo after
#### 6: f() { local a=1; echo "$1 $ $@"; return 3; }; f
f() { local a=1; echo "$1 $# $@"; return 3; }; f a b c; echo $?
#### 7: echo $((1+2*3)) $((2**10)) $((10%3)) $((x=5, x+1
echo $((1+2*3)) $((2**10)) $((10%3)) $((x=5, x+1)) $(( 5 > 3 ? 1 : 0 ))
#### 8: case abc in a*) echo A;; b*) echo B;; esac; case
case abc in a*) echo A;; b*) echo B;; esac; case x in [xy]) echo xy;; *) echo no;; esac
#### 9: while read -r a b; do echo "$b $a"; done <<< "1
while read -r a b; do echo "$b $a"; done <<< "1 2 3"
#### 10: cat <<-EOT
cat <<-EOT
	tabbed
	$((1+1))
	EOT
#### 11: cat <<'EOT'
cat <<'EOT'
no $expansion `here`
EOT
#### 12: echo a | tee f1 f2 | wc -c; cat f1 f2; rm f1 f2
echo a | tee f1 f2 | wc -c; cat f1 f2; rm f1 f2
#### 13: [ -f nope ] || echo missing; [[ abc == a* && 1 -
[ -f nope ] || echo missing; [[ abc == a* && 1 -lt 2 ]] && echo ok; [[ "a b" =~ ^a.b$ ]] && echo re
#### 14: echo "a b  c" | awk '{print $2, NF}' ; echo a:b:
echo "a b  c" | awk '{print $2, NF}' ; echo a:b:c | cut -d: -f2,3; printf '%s\n' b a c | sort -r | head -2
#### 15: printf '%05d|%-5s|%5s|%x|%o|%e\n' 42 ab cd 255 8
printf '%05d|%-5s|%5s|%x|%o|%e\n' 42 ab cd 255 8 1.5
#### 16: seq 5 | paste -sd, ; seq 1 2 9 | tr '\n' ' '; ec
seq 5 | paste -sd, ; seq 1 2 9 | tr '\n' ' '; echo; echo abc | rev
#### 17: echo 'a"b' "c'd" a\ b $'t\tn\x41'
echo 'a"b' "c'd" a\ b $'t\tn\x41'
#### 18: set -- x y z; shift; echo $1 $; echo "$*"; IFS=
set -- x y z; shift; echo $1 $#; echo "$*"; IFS=,; echo "$*"
#### 19: trap 'echo bye' EXIT; echo hi; (exit 3); echo $?
trap 'echo bye' EXIT; echo hi; (exit 3); echo $?; false || true; echo $?
#### 20: ! true; echo $?; true && false || echo c
! true; echo $?; true && false || echo c
#### 21: echo $(echo nested $(echo deep)) `echo old`
echo $(echo nested $(echo deep)) `echo old`
#### 22: ls /nonexistent 2>&1 | sed 's/.*: //' ; ls /none
ls /nonexistent 2>&1 | sed 's/.*: //' ; ls /nonexistent 2>/dev/null; echo $?
#### 23: { echo a; echo b >&2; } 2>&1 >/dev/null | cat
{ echo a; echo b >&2; } 2>&1 >/dev/null | cat
#### 24: exec 3>out; echo to3 >&3; exec 3>&-; cat out; rm
exec 3>out; echo to3 >&3; exec 3>&-; cat out; rm out
#### 25: echo {a,b}{1,2} {1..10..3} {c..a}
echo {a,b}{1,2} {1..10..3} {c..a}
#### 26: x=5; until [ $x -eq 0 ]; do x=$((x-1)); [ $x = 2
x=5; until [ $x -eq 0 ]; do x=$((x-1)); [ $x = 2 ] && continue; echo -n $x; done; echo
#### 27: for ((i=0;i<3;i++)); do echo -n "$i "; done; ech
for ((i=0;i<3;i++)); do echo -n "$i "; done; echo
#### 28: select_me() { echo "${FUNCNAME[0]}"; }; select_m
select_me() { echo "${FUNCNAME[0]}"; }; select_me
#### 29: echo abc > f; echo def >> f; wc -l < f; mapfile
echo abc > f; echo def >> f; wc -l < f; mapfile -t lines < f; echo ${lines[1]}; rm f
#### 30: diff <(echo a) <(echo b); echo $?
diff <(echo a) <(echo b); echo $?
#### 31: time_it=$(date -d @0 -u +%Y-%m-%d); echo $time_i
time_it=$(date -d @0 -u +%Y-%m-%d); echo $time_it
#### 32: echo "line1
echo "line1
#### 33: line2" | grep -n 2; grep -c x /dev/null; echo $?
line2" | grep -n 2; grep -c x /dev/null; echo $?
#### 34: echo test | sed -e 's/t/T/g' -e 's/e/E/'; echo "
echo test | sed -e 's/t/T/g' -e 's/e/E/'; echo "a,b" | sed 's/\(.\),\(.\)/\2,\1/'
#### 35: xargs -n1 echo <<< "a b c"; echo 1 2 3 | xargs -
xargs -n1 echo <<< "a b c"; echo 1 2 3 | xargs -I{} echo "<{}>"
#### 36: find . -name '*.nope'; basename /a/b/c.txt .txt;
find . -name '*.nope'; basename /a/b/c.txt .txt; dirname /a/b/c
#### 37: printf 'b\na\nb\n' | sort | uniq -c; printf '3\n
printf 'b\na\nb\n' | sort | uniq -c; printf '3\n10\n2\n' | sort -n | tail -1
#### 38: echo $$ | grep -c '^[0-9]*$'; sleep 0.01 & wait
echo $$ | grep -c '^[0-9]*$'; sleep 0.01 & wait $!; echo $?
#### 39: read -r x y <<EOT
read -r x y <<EOT
1 2 3
EOT
#### 40: echo "$y"; unset x; echo ${x-unset}
echo "$y"; unset x; echo ${x-unset}
#### 41: if grep -q root /etc/passwd; then echo yes; else
if grep -q root /etc/passwd; then echo yes; else echo no; fi
#### 42: echo -e 'a\tb\\n'; echo -n x; echo; echo -E 'a\n
echo -e 'a\tb\\n'; echo -n x; echo; echo -E 'a\n'
#### 43: s='a b c'; for w in $s; do echo -n "[$w]"; done;
s='a b c'; for w in $s; do echo -n "[$w]"; done; echo; for w in "$s"; do echo "[$w]"; done
#### 44: shopt -s nullglob; echo *.zip; shopt -u nullglob
shopt -s nullglob; echo *.zip; shopt -u nullglob; echo *.zip
#### 45: v=1; (v=2; echo $v); echo $v; { v=3; }; echo $v
v=1; (v=2; echo $v); echo $v; { v=3; }; echo $v
#### 46: echo ${HOME} | grep -c .; echo "${x:-a b}"; y="
echo ${#HOME} | grep -c .; echo "${x:-a b}"; y="${x:-"q r"}"; echo $y
#### 48: kill -l | head -1; type cd; type -t ls; command
kill -l | head -1; type cd; type -t ls; command -v bash > /dev/null; echo $?
#### 49: let a=5+3; echo $a; ((a++)); echo $a; ((0)); ech
let a=5+3; echo $a; ((a++)); echo $a; ((0)); echo $?
#### 50: set -e; false; echo unreachable
set -e; false; echo unreachable
#### 51: set -u; echo $nope; echo unreachable
set -u; echo $nope; echo unreachable
#### 52: set -o pipefail; false | true; echo $?
set -o pipefail; false | true; echo $?
#### 53: if then fi
if then fi
#### 54: echo "unclosed
echo "unclosed
#### 55: for i in; do echo $i; done
for i in; do echo $i; done
#### 56: echo a b > x y; cat x; rm x
echo a b > x y; cat x; rm x
#### 57: a=1 b=2 bash -c 'echo $a $b'; echo $a
a=1 b=2 bash -c 'echo $a $b'; echo $a
#### 59: nosuch; echo $?; ./nosuch; echo $?; /tmp; echo $
nosuch; echo $?; ./nosuch; echo $?; /tmp; echo $?; touch nx; ./nx; echo $?; rm nx
#### 60: echo $(( 1/0 )); echo after
echo $(( 1/0 )); echo after
#### 62: printf '%d\n' abc; printf '%s %s\n' a b c
printf '%d\n' abc; printf '%s %s\n' a b c
#### 63: cat < nofile; echo $?; echo x > /nodir/x; echo $
cat < nofile; echo $?; echo x > /nodir/x; echo $?
#### 64: readonly r=1; r=2; echo $?
readonly r=1; r=2; echo $?
#### 65: local x=1; return 3; break; echo done
local x=1; return 3; break; echo done
#### 66: [ 1 -eq a ]; echo $?; [ a b ]; echo $?; [ -z ];
[ 1 -eq a ]; echo $?; [ a b ]; echo $?; [ -z ]; echo $?; test; echo $?
#### 67: cd nope; cd a b; echo $?; export 1x=2; echo $?;
cd nope; cd a b; echo $?; export 1x=2; echo $?; unset 'a b'; echo $?; shift 5; echo $?
#### 68: : > e; . ./e; source nofile; echo $?; rm e; eval
: > e; . ./e; source nofile; echo $?; rm e; eval 'echo ev'; eval ')'; echo $?
#### a killed child, with its number, of however many places
(bash -c 'kill -9 $$'; echo $?) 2>&1 | sed 's/line 1: *[0-9]* K/line 1: NNNN K/'
#### unset of what is no name
unset 'a b'; echo $?; unset -v 'a b'; echo $?; unset 1x; echo $?
