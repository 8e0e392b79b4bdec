#### lists
true && echo a; false && echo b; false || echo c; true || echo d; ! true; echo $?; ! false; echo $?
true && false || echo e; false && true || echo f; { echo g; echo h; }; (echo i; echo j)
#### if
if true; then echo yes; fi; if false; then echo no; else echo else; fi
if false; then :; elif true; then echo elif; else :; fi; if false; then :; fi; echo $?
#### loops
for i in a b c; do echo $i; done; for i in; do echo never; done; echo $?
i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done
until [ $i -eq 0 ]; do i=$((i-1)); done; echo $i
set -- p q; for a; do echo $a; done; for a do echo $a; done
#### break and continue
for i in 1 2 3 4 5; do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done
for i in 1 2; do for j in a b c; do [ $j = b ] && continue 2; echo $i$j; done; done
for i in 1 2; do for j in a b; do break 2; done; done; echo $i$j
while true; do echo once; break; done
#### case
for x in apple banana cherry 7 ''; do
  case $x in a*) echo "a: $x";; b*|c*) echo "bc: $x";; [0-9]) echo digit;; '') echo empty;; *) echo other;; esac
done
case x in x) echo first;& y) echo fallthrough;; z) echo no;; esac
case x in x) echo one;;& [a-z]) echo two;;& *) echo three;; esac
case word in (w*) echo paren;; esac
#### functions
f() { echo "args: $# $1 $2"; return 5; }
f a b; echo $?; function g { echo g; }; g; h() ( x=sub; echo $x ); x=outer; h; echo $x
r() { if [ $1 -gt 0 ]; then echo $1; r $(($1-1)); fi; }; r 3
unset -f g; g 2>/dev/null; echo $?
#### local variables
x=global; f() { local x=local y; y=2; echo $x $y; g; }; g() { echo "g sees $x"; x=changed; }; f; echo $x ${y-unset}
#### redirections
echo one > f; echo two >> f; cat f; cat < f | wc -l | tr -d ' '; echo err >&2 2>/dev/null
{ echo out; echo err >&2; } > both 2>&1; cat both; { echo a; echo b >&2; } &> amp; cat amp; echo c &>> amp; cat amp
exec 3> three; echo to3 >&3; exec 3>&-; cat three; exec 4< three; read line <&4; echo $line; exec 4<&-
> empty; wc -c < empty | tr -d ' '; cat nonexistent 2>/dev/null || echo failed
#### redirect order
{ echo out; echo err >&2; } 2>&1 >/dev/null | cat
ls_err() { echo e >&2; }; ls_err 2>&1 | tr e E
#### noclobber
set -C; echo a > nc; echo b > nc; echo $?; echo c >| nc; cat nc
#### redirect errors
echo x > /nonexistent/file; echo $?; cat < missing; echo $?; : < missing; echo $?
#### bad descriptor
echo x >&9; echo $?
#### pipes
echo hello | cat | tr a-z A-Z; echo a | { read x; echo "got $x"; }; echo b | read y; echo "y=$y"
false | true; echo $? "${PIPESTATUS[@]}"; true | false | true; echo ${PIPESTATUS[@]}; set -o pipefail; false | true; echo $?
printf 'c\na\nb\n' | sort | head -n 2; yes | head -n 3; seq 3 | while read n; do echo "n$n"; done
#### pipe both
{ echo o; echo e >&2; } |& sort
#### background
sleep 0.05 & wait; echo waited $?; (exit 3) & wait $!; echo $?; { echo bg; } & wait; f() { return 4; }; f & p=$!; wait $p; echo $?
#### wait for several
(sleep 0.02; exit 1) & a=$!; (exit 2) & b=$!; wait $a; echo $?; wait $b; echo $?; wait; echo $?
#### kill
sleep 5 & kill $!; wait $! 2>/dev/null; echo $?; kill -l 9; kill -l TERM; kill -0 $$ && echo alive
#### set -e
set -e; false || true; if false; then :; fi; ! true; echo before; f() { false; echo in; }; f && echo x || echo handled; (exit 2); echo not reached
#### set -e in a function
set -e; f() { false; echo not; }; f; echo not reached
#### set -e with substitution
set -e; x=$(false); echo no
#### set -x
set -x; a=1; echo "$a b" 'c d' ''; [ 1 = 1 ]; set +x; echo done
#### exit codes
nosuchcommand; echo $?; ./nosuch; echo $?; mkdir dir; ./dir; echo $?; : > plain; ./plain; echo $?; /; echo $?
#### exit in a subshell
(exit 4); echo $?; $(exit 5); echo $?; (echo a; exit 1; echo b) || echo failed; exit 300
#### exit trap
trap 'echo bye $?' EXIT; echo hi; exit 3
#### trap signals
trap 'echo got usr1' USR1; kill -USR1 $$; echo after; trap - USR1; trap 'echo term' TERM; trap; trap '' INT; trap -p INT
#### trap err
trap 'echo failed: $?' ERR; false; true; (exit 3); if false; then :; fi; false || true
#### eval and source
x='echo $y'; y=deep; eval $x; eval 'a=1; b=2'; echo $a $b; echo 'z=sourced; echo in $1' > lib; . ./lib arg; echo $z; source ./lib; echo 'return 4; echo no' > ret; . ./ret; echo $?
#### exec
(exec echo replaced; echo never); exec 5>&1; echo five >&5; (exec nosuch; echo never); echo $?
#### read
echo 'a b c' | { read x y; echo "$x|$y"; }; echo '  spaced  out  ' | { read l; echo "[$l]"; }; echo 'back\slash' | { read r; echo $r; }; echo 'back\slash' | { read -r r; echo $r; }
printf 'x:y:z' | { IFS=: read a b c; echo $a $b $c $?; }; echo '1 2 3' | { read -a arr; echo ${arr[2]} ${#arr[@]}; }; echo abcdef | { read -n 3 s; echo $s; }
printf 'no newline' | { read l; echo "$? $l"; }; printf 'a;b' | { read -d ';' x; echo $x; }; IFS= read -r l <<< '  keep '; echo "[$l]"
while IFS=, read -r a b; do echo "$b-$a"; done <<< $'1,2\n3,4'; read < /dev/null; echo $?; echo REPLYed | { read; echo $REPLY; }
#### mapfile
mapfile -t lines <<< $'one\ntwo\nthree'; echo ${#lines[@]} ${lines[1]}; printf 'x\ny' | { readarray -t z; echo ${z[1]}; }
#### test
[ a = a ] && echo 1; [ a != b ] && echo 2; [ 3 -lt 5 -a 5 -gt 3 ] && echo 3; [ -z "" ] && echo 4; [ -n x ] && echo 5; [ ! -e nofile ] && echo 6
: > f; mkdir d; [ -f f ] && echo 7; [ -d d ] && echo 8; [ -s f ] || echo 9; [ 1 -eq 1 -o 1 -eq 2 ] && echo 10; test -e d && echo 11; [ \( a = b \) -o c ] && echo 12; [ ]; echo $?; [ '' ]; echo $?
[ f -nt nofile ] && echo 13; [ -r f ] && echo 14; ln -s f l; [ -L l ] && echo 15; [ -h f ] || echo 16
#### test errors
[ 1 -eq a ]; echo $?; [ a b ]; echo $?; [ a; echo $?; test 1 2 3 4 5; echo $?
#### double brackets
[[ abc == a* ]] && echo 1; [[ abc == "a*" ]] || echo 2; [[ abc =~ ^a(.)c$ ]] && echo ${BASH_REMATCH[0]} ${BASH_REMATCH[1]}; [[ 1 -lt 2 && ( 3 -gt 2 || x == y ) ]] && echo 3; [[ ! -f nofile ]] && echo 4; x='a b'; [[ $x == 'a b' ]] && echo 5; [[ -z $undefined ]] && echo 6; [[ a < b ]] && echo 7; [[ $x ]] && echo 8; re='[0-9]+'; [[ foo42 =~ $re ]] && echo ${BASH_REMATCH}
[[ a.b =~ ^a\.b$ ]] && echo 9; [[ "x y" =~ "x y" ]] && echo 10; [[ -n $x && -z '' ]] && echo 11; [[ 10 -eq 0xa ]] && echo 12
#### declare
declare -i n=5; n=n+3; echo $n; declare -r R=1; R=2; echo not reached
#### declare -p
a=1; export b=2; declare -i c=3; arr=(x 'y z'); declare -A m=([k]=v); declare -p a b c arr m; readonly d=4; declare -p d; declare -l low=ABC; echo $low; declare -u up=abc; echo $up
#### export
export A=1 B; B=2; bash -c 'echo $A $B $C'; C=3 bash -c 'echo $C'; echo ${C-unset}; export -n A; bash -c 'echo ${A-gone}'; env -i X=y /usr/bin/env
#### temporary assignments
x=1; x=2 eval 'echo $x'; echo $x; f() { echo "f: $x"; }; x=3 f; echo $x; IFS=: read a b <<< 1:2; echo $a $b; X=1 Y=2 env | grep '^[XY]=' | sort
#### unset
a=1; unset a; echo ${a-gone}; readonly ro=1; unset ro; echo $?
#### shift
set -- a b c; shift; echo $@; shift 5; echo $? $#; shift 2; echo $#
#### getopts
set -- -a -b val -c -- rest
while getopts ab:cd o; do case $o in a) echo a;; b) echo b=$OPTARG;; c) echo c;; ?) echo bad;; esac; done; shift $((OPTIND-1)); echo $1
f() { local OPTIND=1; while getopts :x:y o; do echo "$o ${OPTARG-}"; done; }; f -y -z -x
#### alias
shopt -s expand_aliases
alias greet='echo hello'; alias
greet world
unalias greet; alias nothere; echo $?
#### type and command
f() { :; }; type -t f echo if cat nosuch; type echo; type if; command -v echo; command -v nosuch; echo $?; command echo via; type nosuch
#### cd
mkdir -p a/b; cd a/b; echo ${PWD##*/}; cd ..; echo ${PWD##*/}; cd - > /dev/null; echo ${PWD##*/}; cd nosuch; echo $?; cd ../..; ln -s a/b link; cd link; echo ${PWD##*/}; pwd -P | sed 's/.*\///'; cd -P . ; echo ${PWD##*/}
#### pushd
mkdir x y; pushd x > /dev/null; pushd ../y >/dev/null; dirs | wc -w | tr -d ' '; popd >/dev/null; echo ${PWD##*/}; popd > /dev/null; popd; echo $?
#### subshell isolation
x=1; (x=2; cd /; set -f); echo $x $-; (trap 'echo sub exit' EXIT; true); ( ( echo nested ) )
#### compound redirect
for i in 1 2; do echo $i; done > out; cat out; if true; then cat; fi < out; while read l; do echo "l$l"; done < out; { read a; read b; } < out; echo $a$b; case x in x) echo c;; esac > out; cat out; (echo s) > out; cat out; f() { echo func; } > out2; f; cat out2
#### status of assignments
x=$(true); echo $?; x=$(exit 3); echo $?; x=1; echo $?; local_test() { local v=$(false); echo $?; }; local_test
#### comments and blank lines
echo a # comment
# whole line

echo b#not c '#not' "# not"; echo $# # x
#### line continuation
echo one \
  two; true &&
  echo three ||
  echo no
echo a |
  cat
#### line numbers
echo $LINENO

nosuch1
f() {
  nosuch2
}
f
echo $LINENO
#### ulimit and umask
umask 022; umask; umask 077; : > u; umask 0; umask
#### set and positional
set -- "a b" c; set -o | grep -c errexit; set x y; echo $1; set --; echo $#; set - z; echo $1
#### time keyword
{ time true; } 2>/dev/null; echo $?
#### colon and true
: ignored args; echo $?; true; echo $?; false; echo $?
#### numbers and octal
echo $((08)) ; echo after
#### syntax error: closing
echo start
echo a )
#### syntax error: fi
echo start
if true; fi
#### syntax error: then missing
if true; echo x
#### syntax error: unbalanced quote
echo start
echo "abc
echo def
#### syntax error: unbalanced single
echo 'abc
#### syntax error: paren
echo $(echo a
#### syntax error: brace
f() { echo a
#### syntax error: double semicolon
echo a ;; echo b
#### syntax error: pipe
| cat
#### syntax error: and
echo a && && echo b
#### syntax error: done
for i in 1 2; do echo $i; fi
#### syntax error: redirect
echo a >
#### syntax error: eval
eval 'echo "x'; echo $?; eval ')' ; echo $?
#### readonly
readonly x=1; x=2; echo no
#### return outside
return; echo $?
#### break outside
break; echo $?
#### recursion and arithmetic
fib() { if (( $1 < 2 )); then echo $1; else echo $(( $(fib $(($1-1))) + $(fib $(($1-2))) )); fi; }; fib 7
fact() { local n=$1; (( n <= 1 )) && { echo 1; return; }; echo $(( n * $(fact $((n-1))) )); }; fact 10
#### strings in loops
s=abc; for ((i=0; i<${#s}; i++)); do echo ${s:i:1}; done; while [[ -n $s ]]; do echo $s; s=${s%?}; done
#### scripts
printf '#!/bin/bash\necho "script $0 $1 $#"\nexit 9\n' > sc; chmod +x sc; ./sc arg; echo $?; bash sc x y; echo 'echo no shebang $1' > ns; chmod +x ns; ./ns q; printf '#!/nonexistent\n' > bi; chmod +x bi; ./bi; echo $?; bash nosuchfile; echo $?
#### bash -c
bash -c 'echo $0 $1' name arg; bash -c 'echo $0'; bash -c 'exit 6'; echo $?; bash -e -c 'false; echo no'; echo $?; bash -c 'nosuch'; echo 'echo from stdin; read x; echo "x=$x"
data' | bash; bash -c 'echo "abc'; bash -c 'echo )'
#### sh reads stdin
printf 'echo one\nif true\nthen echo two\nfi\ncat\nrest\nof input\n' | bash
#### printing with no descriptor
echo x >&- ; echo $?
#### random and seconds
[ $RANDOM -ge 0 ] && echo ok; [ $SECONDS -lt 5 ] && echo ok; [ -n "$BASH_VERSION" ] && echo bash; echo ${BASH_VERSINFO[0]}
#### large loop
i=0; while (( i < 3000 )); do (( i++ )); done; echo $i
#### command not found with redirect
nosuchcmd 2>/dev/null; echo $?; nosuchcmd > out 2>&1; cat out
#### commands behind a long alias near a script's end
shopt -s expand_aliases
alias where='f() { [ "$1" ] && echo "at $1" || echo nowhere at all, and not even there; }; f'
where; where home
env true
set -v
where work
cat /dev/null
env echo last
#### let and conditions
let x=3 'y = x * 2' ; echo $x $y; let 0; echo $?; let 'z=5>3'; echo $z
#### nameless function output redirect
f() { echo out; echo err >&2; }; f 2>/dev/null; f >/dev/null 2>&1; v=$(f 2>&1); echo "$v"
#### colon assignments
: ${v:=default}; echo $v; : "${v:=other}"; echo $v
#### IFS in read and for
IFS=$'\n'; for l in $(printf 'a b\nc d\n'); do echo "<$l>"; done
#### pattern removal of arrays
f=(a.txt b.txt); echo "${f[@]%.txt}" "${f[@]/#/pre-}" ${#f[*]}
#### aliases inside substitutions, and what stands around them
shopt -s expand_aliases
alias greet="echo hello there --"
A=$(greet list -o 'x(y)'); echo "$A"
B=$(greet "a)b") C="$(greet ")")"; echo $B $C
echo $(greet one)-$(greet two)-"$(greet $(greet inner) outer)" end
D=`greet backquoted`; echo "$D" "${E:-$(greet default)}"
list=($(greet q) "$(greet r)"); echo ${#list[@]} "${list[@]}"
f() { local v=$(greet local); echo $v; }; f
alias echo="echo twice"
F=$(echo once); G=`echo once`; printf '%s\n' "$F" "$G" "$(echo once)"
unalias echo
cat <(greet process)
cat <<END
$(greet document) (x)
END
