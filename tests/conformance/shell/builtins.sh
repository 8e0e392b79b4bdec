#### trap EXIT
trap 'echo bye $?' EXIT; echo start; (echo sub); false; exit 3
#### trap EXIT in subshell and function
(trap 'echo sub exit' EXIT; echo in); f() { trap 'echo fexit' EXIT; echo f; }; f; echo main; x=$(trap 'echo subst' EXIT; echo body); echo "$x"
#### trap ERR
trap 'echo err $? line $LINENO' ERR; false; true; ls nofile 2>/dev/null; false || true; if false; then :; fi; ! true; f() { false; echo after; }; f; (false); false | true; true | false; x=$(false); echo end
#### trap ERR with errtrace
set -E; trap 'echo err ${FUNCNAME[0]-main}' ERR; f() { false; true; }; f; (false; true); g() { f; }; g || echo x; g
#### trap DEBUG
trap 'echo "> $BASH_COMMAND"' DEBUG; echo a; x=1; for i in 1 2; do echo $i; done; [ $x = 1 ] && echo y; f() { echo in f; }; f; trap - DEBUG; echo done
#### trap RETURN
f() { trap 'echo returning' RETURN; echo body; }; f; echo x; f; echo 'echo sourced' > s; . ./s; trap - RETURN; f2() { echo no trap; }; f2
#### trap signals
trap 'echo got INT' INT; kill -INT $$; echo after; trap 'echo got TERM; exit 4' TERM; trap; trap -p INT; trap - INT; trap; trap '' USR1; kill -USR1 $$; echo survived; trap -p USR1; trap "echo 'q'" HUP; trap -p HUP; kill $$; echo no
#### trap errors
trap 'x' NOSIG; echo $?; trap -x; echo $?; trap 'echo x' 99; echo $?; trap 0; trap -l | head -2; trap SIGINT; echo $?
#### trap and exit status
trap 'exit 9' EXIT; false; exit 1
#### trap exit keeps status
trap 'true' EXIT; (exit 5)
#### signal exits
(kill -TERM $BASHPID); echo $?; (kill -KILL $BASHPID); echo $?; bash -c 'kill -INT $$'; echo $?; sh -c 'kill -PIPE $$'; echo $?
#### errexit corner cases
(set -e; false; echo no); echo $?; (set -e; false || true; echo 1; if false; then :; fi; echo 2; while false; do :; done; echo 3; ! true; echo 4; false && true; echo 5); echo $?; (set -e; f() { false; echo infunc; }; f || echo x; f && echo y; if f; then echo z; fi; f; echo no); echo $?; (set -e; x=$(false); echo no); echo $?; (set -e; local_() { local x=$(false); echo local ok; }; local_); echo $?; (set -e; (false; echo no); echo no2); echo $?; (set -e; false | true; echo pipe ok); echo $?; (set -eo pipefail; false | true; echo no); echo $?; (set -e; { false; }; echo no); echo $?; (set -e; [[ a == b ]]; echo no); echo $?; (set -e; ((0)); echo no); echo $?; (set -e; let 0; echo no); echo $?; (set -e; echo $(false) ok); echo $?; (set -e; true && false; echo no); echo $?; (set -e; (exit 3) || (exit 4); echo no); echo $?
#### errexit with traps and functions
(set -e; trap 'echo exit $?' EXIT; f() { return 3; }; f; echo no); echo $?; (set -e; trap 'echo err' ERR; false); echo $?; (set -e; cmd_not_there; echo no); echo $?; (set -e; . ./nofile; echo no); echo $?; (set -e; eval false; echo no); echo $?; (set -e; bash -c 'exit 3'; echo no); echo $?; (set -e; test -f nofile; echo no); echo $?; set -e; for i in 1 2; do [ $i = 1 ] && echo one; done; echo last
#### errexit in substitution
set -e; x=$(false; echo still); echo "$x"; shopt -s inherit_errexit; y=$(false; echo still) || echo failed; echo "[$y]"; z=$(false; echo still); echo no
#### nounset
set -u; echo "${u-d}" "${u:-d}" "${u+a}"; x=; echo "[$x]"; a=(); echo "${a[@]}" "${#a[@]}" "$@" $*; (echo $u; echo no); echo $?; (echo ${#u}); echo $?; (echo ${u%x}); echo $?; (echo $((u+1))); echo $?; (echo ${a[0]}); echo $?; (echo $1); echo $?; (echo ${u:0:1}); echo $?; ([[ -v u ]]); echo $?; ([[ $u ]]); echo $?; echo $!; echo no
#### nounset ends the script
set -u
echo before
echo "$undefined_thing"
echo not reached
#### xtrace
set -x; echo a 'b c' "d" $'e\n'; x=1; y="$x 2"; a=(1 2); [ $x = 1 ]; [[ $x == 1 && -n $y ]]; ((x+1)); for i in 1 2; do :; done; f() { echo in; }; f arg; case $x in 1) echo one;; esac; echo $(echo sub) > /dev/null; if true; then echo yes; fi; (echo subshell); while false; do :; done; export z=1; local_=2 true; ! true; : "$(printf 'a\tb')"; echo ''; unset x; b+=(3); declare q=1; PS4='> '; echo changed; PS4='$LINENO: '; echo line; { set +x; } 2>/dev/null; echo off
#### xtrace of more
set -x; for ((i=0;i<2;i++)); do :; done; select_=1; read v <<< x; let a=1; test a -a b; [[ a =~ b.c ]] ; [[ -f /x || ! -d y ]]; case "a b" in *) ;; esac; cat <<< "h s" ; x=$((1+2)); x[1]=2; declare -A m=([k]=v); echo "a'b" 'a"b' '*' '~' 'a=b' '#x' a#x {a,b} '{' '!' 'a;b' '$x' '\' -- -n; f() { local v=1; return 2; }; f; trap 'echo t' EXIT; time_=1; exec 3>&1; echo hi >&3; cd /; eval 'echo ev'; . /dev/null; true && false || true
#### verbose
set -v
echo a
# comment
x=1 # trailing
for i in 1
do echo $i
done
set +v
echo b
#### set and dollar dash
echo $- ; set -e; echo $-; set +e; set -fu; echo $-; set +f -o noclobber; echo $-; set -o | head -5; set +o | grep -E 'pipefail|noglob'; set -o badname; echo $?; set -q; echo $?; set -- a -b; echo $1 $2 $#; set - x y; echo $1; set --; echo $#; set -o pipefail; shopt -o pipefail; [[ -o pipefail ]] && echo on; shopt -qo errexit || echo off; shopt nosuch; echo $?; shopt -s extglob nullglob; shopt extglob; shopt -p extglob; shopt -q nullglob && echo q; set +o pipefail; shopt -u extglob; shopt extglob; echo $?
#### read options
echo 'a b c d' | { read x y; echo "[$x][$y]"; }; echo 'a\tb\
c' | { read x; echo "[$x]"; }; echo 'a\tb\' | { read -r x; echo "[$x]"; }; echo 'a b c' | { read -a arr; echo "${#arr[@]} ${arr[2]}"; }; printf 'a;b;c' | { read -d ';' x; echo $x; read -d ';' y; echo $y; read -d ';' z; echo "$? $z"; }; echo abcdef | { read -n 3 x; echo $x; read y; echo $y; }; printf 'ab\ncd' | { read -N 4 x; echo "$x"; }; echo | { read x; echo "$? [$x]"; }; read x < /dev/null; echo $?; printf 'nonl' | { read x; echo "$? [$x]"; }; IFS=: read a b c <<< 'x:y:z:w'; echo "$a $b $c"; IFS=, read -ra l <<< 'a,b,,c,'; echo ${#l[@]}; IFS= read -r s <<< '  sp  '; echo "[$s]"; read <<< '  reply  '; echo "[$REPLY]"; read -p prompt x <<< v; echo $x; read -t 0.1 x < <(sleep 1); echo $? ; exec 5< <(seq 3); read -u 5 a; read -u 5 b; echo $a $b; read -r -d '' v <<< $'m\nl'; echo "$v"; read 1x; echo $?; read -z; echo $?; read -t x; echo $?; read -n -1 x; echo $?; read -u 77 x; echo $?; read a b c <<< 'one'; echo "$a|$b|$c"; IFS=' :' read a b <<< ' x : y : '; echo "[$a][$b]"; read -t 0 <<< x; echo $?
#### printf formats
printf '%s %d %i %u %o %x %X %c %%\n' str 42 -7 8 8 255 255 xyz; printf '%5s|%-5s|%05d|%+d|% d|%.3s|%*d|%-*s|\n' ab ab 42 42 42 abcdef 6 42 6 ab; printf '%e %f %g %.2f %G %E %a\n' 1234.5 1234.5 1234.5 2.345 0.00001 1 1 2>&1; printf '%s\n' a b c; printf '%s-%s\n' a b c; printf 'no args\n'; printf '%s|%d|\n'; printf '%b' 'a\tb\n\101\x41\c' 'lost'; echo; printf '%q ' 'a b' "it's" '' '$x' $'n\nl' 'a*b' '~' '#' '{}' é; echo; printf '\a\b\e\f\v\\\047\x41\u263a\n' | od -c | head -3; printf '%d\n' "'A" '"B' 0x1f 010 ' 5'; printf '%d\n' abc; echo $?; printf '%d\n' 12abc; echo $?; printf '%z\n'; echo $?; printf '%.2f\n' abc; echo $?; printf -v v '%03d' 7; echo $v; printf -v 'a[2]' x; echo ${a[2]}; printf; echo $?; printf -x; echo $?; printf -- '-%s\n' dash; printf '%(%Y-%m-%d %H:%M:%S)T\n' 0; printf '%(%F)T\n' 86400; printf '%s %s\n' "$(printf '%(%Y)T' -1 | wc -c)" x; printf '%5c|%-3c|\n' a b; printf '%#x %#o %x\n' 255 8 -1; printf '%08.3f|%-8.2f|%+.1e\n' 3.14159 2.5 12345; printf '%d %d\n' 99999999999999999999; echo $?; printf '%s' "a\nb"; printf '\n%b\n' "a\nb"; printf '%.0s' hidden; printf '%ld %lld %hd\n' 1 2 3; printf '%Q\n' 'a b'; printf "%'d\n" 1234567; printf '%1$s\n' a; echo $?; printf 'x%' ; echo $?
#### test builtin
t() { "$@"; echo -n "$? "; }; t [ ]; t [ a ]; t [ '' ]; t [ -n a ]; t [ -z a ]; t [ a = a ]; t [ a == b ]; t [ a != b ]; t [ 1 -eq 1 ]; t [ 1 -lt 2 ]; t [ a \< b ]; t [ a \> b ]; t [ ! a ]; t [ ! '' ]; t [ a -a '' ]; t [ a -o '' ]; t [ \( a \) ]; t [ ! \( a -a b \) ]; t [ -e /etc ]; t [ -d /etc ]; t [ -f /etc ]; t [ -x /bin/sh ]; t [ -r nofile ]; t [ -s /dev/null ]; t [ -L /etc ]; t [ -t 0 ]; t [ -v HOME ]; t [ -v nope ]; t [ -o errexit ]; t [ -n ]; t [ = ]; t [ ! ]; t [ \( ]; t test; t test x; t [ -a = -a ]; t [ a -nt b ]; t [ /etc -ef /etc/. ]; t [ -k /tmp ]; t [ -p /dev/stdin ]; t [ -S x ]; t [ -b x ]; t [ -c /dev/null ]; echo
t [ a; t [ 1 -eq a ]; t [ a b ]; t [ a b c ]; t [ a b c d ]; t [ -f a b ]; t [ 1 -lt ]; t [ \( a ]; t [ a -eq 1 ]; t [ '' -eq 0 ]; t [ ' 1 ' -eq 1 ]; t [ -q x ]; t test -z a b; t [ 1.5 -gt 1 ]; t [ a = b = c ]; t [ x -a ]; echo
#### double brackets
t() { eval "[[ $1 ]]"; echo -n "$? "; }; x='a b' e= p='a*'; t '$x == "a b"'; t '$x == a*'; t '$x == "a*"'; t '$x == $p'; t '$x == "$p"'; t '$x != b*'; t '-n $x && -z $e'; t '-n $e || -n $x'; t '! -n $e'; t '( a == b || c == c ) && d'; t 'a < b'; t 'b > a'; t '1 -eq 01'; t '2+3 -eq 5'; t 'x -eq 0' 2>&1; t '$x =~ ^a'; t '$x =~ b$'; t '$x =~ "a.b"'; t 'abc =~ b.*'; t '-e /etc'; t '/etc -ef /etc'; t '-v x'; t '-v nope'; t '$e'; t 'text'; t 'a = a'; t '-o errexit'; t '"" == ""'; t '[ == "["'; t 'é == ?'; t 'a == [[:alpha:]]'; t 'A == [a-z]'; echo
[[ 2024-01-15 =~ ^([0-9]+)-([0-9]+)-([0-9]+)$ ]] && echo "${BASH_REMATCH[@]}" ${#BASH_REMATCH[@]}; [[ abc =~ (x)?(b) ]]; echo "[${BASH_REMATCH[1]}] ${BASH_REMATCH[2]}"; re='a(b|c)d'; [[ xacdx =~ $re ]] && echo ${BASH_REMATCH[0]}; [[ 'a.b' =~ a\.b ]] && echo esc; [[ x =~ y ]]; echo $? ${#BASH_REMATCH[@]}; [[ 'foo bar' =~ foo\ bar ]] && echo sp; re='[[:space:]]+'; [[ 'a b' =~ $re ]] && echo cls; [[ ab =~ a{1,2}b ]] && echo rep
#### double bracket errors
[[ a =~ [ ]]; echo $?; re='('; [[ a =~ $re ]]; echo $?; [[ 1 -eq a+ ]]; echo $?; [[ 08 -eq 8 ]]; echo $?; [[ x -lt 1/0 ]]; echo $?
#### getopts
f() { OPTIND=1; while getopts "$@" o; do echo "$o ${OPTARG-unset} $OPTIND"; done; }; p() { local spec=$1; shift; OPTIND=1; while getopts "$spec" o "$@"; do echo "$o [${OPTARG-}] $OPTIND"; done; shift $((OPTIND-1)); echo "rest $# $*"; }; p ab:c -a -b val -c rest more; p ab: -abval x; p ab: -x; p :ab: -x; p ab: -b; p :ab: -b; p ab -- -a; p ab -a - b; p 'a' a -a; p ab -ab; OPTERR=0; p a -z; getopts; echo $?; getopts ab; echo $?; getopts a 1x -a; echo $?
#### mapfile
printf 'a\nb\nc\n' > f; mapfile x < f; echo "${#x[@]} ${x[1]}" | cat -A; mapfile -t y < f; echo "${y[@]}"; mapfile -t -n 2 z < f; echo "${z[@]}"; mapfile -t -s 1 w < f; echo "${w[@]}"; mapfile -t -O 5 v < f; echo "${!v[@]}"; mapfile -t -d b u < f; printf '<%s>' "${u[@]}"; echo; readarray -t r <<< $'1\n2'; echo ${r[1]}; mapfile -t < f; echo ${MAPFILE[2]}; mapfile -t -u 3 q 3< f; echo ${#q[@]}; mapfile -t e < /dev/null; echo ${#e[@]}; cb() { echo "cb $1 $2"; }; mapfile -t -C cb -c 2 g < f; mapfile -x; echo $?; mapfile -n x a < f; echo $?; printf 'x\0y\0' | { mapfile -d '' -t n; echo ${#n[@]} ${n[1]}; }
#### eval source exec
eval 'echo a; echo b'; eval echo '$HOME' | wc -l; x='echo $y'; y=val; eval $x; eval; echo $?; eval 'false'; echo $?; eval 'echo "unclosed'; echo $?; eval 'if'; echo $?; echo 'echo in source $1 $#; sv=set; return 4; echo no' > s; . ./s arg; echo $? $sv; source s; echo $?; . nofile; echo $?; source; echo $?; . /etc; echo $?; (exec echo replaced; echo no); (exec nosuchcmd; echo no); echo $?; (exec -a name bash -c 'echo $0'); (exec /etc; echo no); echo $?; exec > out; echo to file; exec > /dev/null; (exec -c env) | grep -v ^_; echo syntax 'echo $(' > bad; . ./bad; echo $?
#### source path and args
set -- m n; echo 'echo "$@"; set -- changed; shift' > s; . ./s; echo "$@"; . ./s x y; echo "$@"; echo 'echo $0 ${BASH_SOURCE[0]} $LINENO' > t; . ./t; f() { . ./s q; echo "f $@"; }; f z; echo 'x=$((' > u; . ./u; echo "status $?"
#### shift
set -- a b c; shift; echo $@; shift 2; echo $#; shift; echo $?; set -- a; shift 2; echo $? $#; shift -1; echo $?; shift x; echo $?; shift 0; echo $?; shift 1 2; echo $?
#### let and double parens
let x=5; echo $x $?; let x=0; echo $?; let 'y = 3 * 4' z=y+1; echo $y $z; let x++ y--; echo $x $y; ((x=10, y=x*2)); echo $y; ((x>5)) && echo gt; ((0)) || echo zero; (( x == 10 ? 1 : 0 )); echo $?; let "x<<=2"; echo $x; let x=1 0; echo $?
#### alias
shopt -s expand_aliases; alias ll='echo listing' g='echo grep ' w=word
ll x; g w; alias ll; alias; unalias ll
ll; echo $?; alias nope; echo $?; unalias nope; echo $?; alias e='echo "q"'
e; \e 2>/dev/null; echo $?; alias a1='a2 x' a2='echo two'
a1; alias loop='loop x'
loop; unalias -a; alias; alias bad/name=x; echo $?; unalias; echo $?
#### unset
x=1; unset x; echo "${x-gone}"; unset nothing; echo $?; f() { :; }; unset f; f; echo $?; unset -f g; echo $?; a=(1 2 3); unset a[1]; echo ${a[@]}; unset 'a[@]'; echo "${#a[@]}"; unset -v y; echo $?; unset 1x; echo $?; unset -q; echo $?; readonly r=1; unset r; echo $?; unset; echo $?; x=1 y=2; unset x y; echo "$x$y"; unset PATH; ls; echo $?
#### export
export A=1 B; B=2; bash -c 'echo $A $B'; export -n A; bash -c 'echo [$A]'; export -p | grep -E ' (A|B)='; C=3 bash -c 'echo $C'; echo "[$C]"; export 1x=2; echo $?; export -f nofunc; echo $?; f() { echo exported; }; export -f f; bash -c f; declare -x D=4; env | grep ^D; export E='a b'; export -p | grep E=; export -x; echo $?; A=x; env | grep "^A="; unset B; env | grep -c ^B=
#### complete, compgen, compopt
complete -W 'aa bb' foo; complete -p foo; complete -F _x -o nospace bar; complete -p bar; compgen -W 'aa ab b' a; echo $?; compgen -W 'aa ab b' -- c; echo $?; v='x1 x2 y'; compgen -W '$v z' x; complete -r foo; complete -p foo; echo $?; complete -o odd x; echo $?; complete -A odd x; echo $?; compopt -o nospace x; echo $?; compopt -o nospace; echo $?; f1() { :; }; f2() { :; }; compgen -A function; compgen -P '<' -S '>' -W 'ab ac' a; complete -d -f -c baz; complete -p baz; complete -r; complete -p; compgen -A keyword wh; touch qq1 qq2; compgen -f qq | sort; complete -z x; echo $?
#### source of a pipe
source <(echo 'x=5; echo sourced'); echo $x; . <(printf 'return 3\n'); echo $?; source <(printf 'echo "$@"\n') a b; source /dev/stdin <<< 'echo from stdin'
#### what a subshell has of its shell
complete -F foo bar; (complete -p bar); complete -p bar | cat; ls > /dev/null; (hash | sed 's/ .*//'); f() { :; }; readonly -f f; (f() { echo no; }); echo $?; (unset -f f); echo $?
