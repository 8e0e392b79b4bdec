#### syntax error: missing then
if true; echo x; fi
echo not reached
#### syntax error: stray done
echo before
done
echo after
#### syntax error: stray parenthesis
echo a
)
#### syntax error: unclosed double quote
echo "abc
def
#### syntax error: unclosed single quote
echo 'abc
#### syntax error: unclosed backquote
echo `abc
#### syntax error: unclosed substitution
echo $(abc
#### syntax error: unclosed brace expansion
echo ${abc
#### syntax error: unexpected end in if
if true; then
echo x
#### syntax error: unexpected end in while
while true
do
#### syntax error: unexpected end in case
case x in
x) echo
#### syntax error: unexpected end in function
f() {
echo
#### syntax error: double semicolon
echo a;; echo b
#### syntax error: pipe at the end
echo a |
#### syntax error: ampersands
&& echo a
#### syntax error: or first
|| true
#### syntax error: semicolon first
; echo a
#### syntax error: redirection without a word
echo >
echo next
#### syntax error: redirection before semicolon
cat < ; echo
#### syntax error: for without a name
for in a b; do echo; done
#### syntax error: for with a bad name
for 1x in a; do echo; done
echo "status $?"
#### syntax error: for dollar
for $x in a; do echo; done
echo "status $?"
#### syntax error: empty body
while true; do done
#### syntax error: empty then
if true; then fi
#### syntax error: empty group
{ }
#### syntax error: empty subshell
()
#### syntax error: function keyword
function
#### syntax error: case without in
case x y) echo;; esac
#### syntax error: case pattern
case x in ) echo;; esac
#### syntax error: unexpected else
else
#### syntax error: fi alone
fi
#### syntax error: closing brace alone
}
#### syntax error: esac alone
esac
#### syntax error: word after subshell
(echo a) b
#### syntax error: word after group
{ echo a; } b
#### syntax error: parenthesis in a word
echo a(b)
#### syntax error: array in argument
echo a=(1 2)
#### syntax error in eval
eval 'if true'
echo $?
eval 'echo )'
echo $?
eval "echo 'x"
echo $?
#### syntax error in -c
bash -c 'if'; echo $?; bash -c 'echo "'; echo $?; bash -c ')' ; echo $?; bash -c 'echo ok; fi; echo no'; echo $?; bash -c 'for'; echo $?; bash -c $'echo 1\necho 2 )\necho 3'; echo $?
#### syntax error in -c with a name
bash -c 'echo $0 $1; )' name arg; echo $?; bash -c 'nosuch' name; echo $?; bash -c 'echo $((1/0))' name; echo $?
#### syntax error in arithmetic for
for ((i=0; i<3)); do echo; done
echo next
#### syntax error in a conditional
[[ a == ]]
echo $?
#### syntax error: conditional operators
[[ a -foo b ]]
echo $?
#### syntax error: conditional extra words
[[ a b ]]
echo $?
#### syntax error: not a command after bang
! ; echo x
#### syntax error: time and bang
! true; echo $?; ! false; echo $?; ! ! true; echo $?; ! false | true; echo $?; { time -p true; } 2>&1 | sed 's/[0-9.]*$/N/'; TIMEFORMAT='%R %U %S %%'; { time :; } 2>&1 | sed 's/[0-9]/N/g'
#### lines of multi-line messages
echo start
nosuchcommand_a \
  b
if true; then
  nosuchcommand_b
fi
f() {
  nosuchcommand_c

  nosuchcommand_d
}
f
(
  nosuchcommand_e
)
x=$(nosuchcommand_f)
cat <<E
$(nosuchcommand_g)
E
for i in 1
do
  nosuchcommand_h $i
done
echo $LINENO
#### command not found and permissions
nosuch; echo $?; ./nosuch; echo $?; /nosuch/x; echo $?; /etc/passwd; echo $?; /etc; echo $?; ''; echo $?; touch plain; ./plain; echo $?; printf 'echo run $1\n' > s; chmod +x s; ./s arg; printf '#!/bin/nosuch\n' > bad; chmod +x bad; ./bad; echo $?; printf '#!/bin/bash\necho bash $0 $#\n' > b; chmod +x b; ./b 1 2; command nosuch; echo $?; "a b"; echo $?; $x; echo $?; x=nosuch2; $x arg; echo $?
#### type
f() { :; }; alias al='x y'; type f cd ls if nosuch; echo $?; type -t f cd ls if [[ al nosuch; echo $?; type -p ls cd; type -P ls; type -a echo | head -2; shopt -s expand_aliases; type al; type -t al; command -v f cd ls if al nosuch; echo $?; command -V cd; command -V ls; command -V nosuch; echo $?; type; echo $?; type -f f; echo $?; type -z; echo $?; builtin nosuch; echo $?; builtin echo hi; command echo hi; command; echo $?; command -x; echo $?; which ls; enable -n echo 2>/dev/null; type -t '[' '{' '!' time coproc select function
#### hash
hash; echo $?; hash nosuch; echo $?; ls >/dev/null; hash -r; echo $?; hash ls; hash -t ls; echo $?; hash -d nosuch; echo $?; hash -x; echo $?
#### umask
umask; umask -S; umask 077; umask; touch f; stat -c %a f; mkdir d; stat -c %a d; umask u=rwx,g=rx,o=; umask; umask -p; umask 9; echo $?; umask xyz; echo $?; umask 1777; umask; umask g+w; umask -S; umask a=rx; umask
#### cd and pwd
mkdir -p a/b; cd a; pwd; cd b; cd ..; pwd; cd -; cd; pwd; cd nosuch; echo $?; cd a b; echo $?; touch f; cd f; echo $?; cd ''; echo $?; OLDPWD=; unset OLDPWD; cd -; echo $?; ln -s a link; cd link; pwd; pwd -P; cd -P .; pwd; cd ..; CDPATH=a; cd b; echo $?; cd "$HOME"; cd -- a; pwd; cd -L ..; cd -x; echo $?; pwd -x; echo $?; echo $PWD; HOME=; cd; echo $?; unset HOME; cd; echo $?
#### pushd and popd
mkdir -p a b c; pushd a; pushd ../b; dirs; dirs -v; dirs -p; popd; popd; popd; echo $?; pushd; echo $?; pushd nosuch; echo $?; pushd a >/dev/null; pushd; dirs -c; dirs; pushd ../b > /dev/null; pushd ../c > /dev/null; pushd +1; dirs -l +0; popd +1; popd -n; dirs; echo "${DIRSTACK[0]}"
#### special parameters
echo $# $? "$-" $0; false; echo $?; set -- a b; echo "$*" "$@" $#; echo ${#}; : last arg; echo $_; echo $$ | grep -c '^[0-9]*$'; sleep 0 & [ -n "$!" ] && echo bg; wait; echo $LINENO; echo ${BASH_VERSINFO[0]} ${BASH_VERSION%%.*} $BASH_SUBSHELL $SHLVL; echo ${EUID:+set} ${UID:+set} ${PPID:+set} ${RANDOM:+set} ${SECONDS} ${HOSTNAME:+set} ${OSTYPE} ${MACHTYPE} $BASH; echo "$IFS" | od -c | head -1; echo ${FUNCNAME[0]-none}
#### FUNCNAME BASH_SOURCE BASH_LINENO caller
f() { echo ${FUNCNAME[@]} ${BASH_LINENO[@]} ${BASH_SOURCE[@]}; caller; caller 0; g
}
g() { echo ${#FUNCNAME[@]} ${FUNCNAME[1]}; caller 1; caller 9; echo $?; }
f
caller; echo $?
echo ${BASH_SOURCE[0]}
#### jobs and wait
sleep 0.2 & p=$!; jobs; wait $p; echo $?; (exit 3) & wait $!; echo $?; wait; echo $?; wait 99999; echo $?; wait %9; echo $?; wait abc; echo $?; sleep 0.1 & sleep 0.2 & wait -n; echo $?; wait; jobs; false & wait %1; echo $?; { sleep 0.1; exit 5; } & wait -n; echo $?; wait -n; echo $?; sleep 5 & kill $!; wait $!; echo $?; jobs -p | wc -l; fg; echo $?; bg; echo $?; disown; echo $?; disown %5; echo $?; sleep 1 & disown $!; jobs; wait -x; echo $?; jobs %7; echo $?; jobs -z; echo $?; sleep 0.1 & wait -p v $!; echo "${v:+set}" $?
#### kill
kill; echo $?; kill -l 9 15 TERM 130; kill -l nosuch; echo $?; kill 99999; echo $?; kill -9 99999; echo $?; kill abc; echo $?; kill -FOO 1; echo $?; kill %1; echo $?; sleep 5 & kill -0 $! && echo alive; kill -s TERM $!; wait $! 2>/dev/null; echo $?; sleep 5 & kill -n 9 $!; wait $! 2>/dev/null; echo $?; kill -s; echo $?; kill -l | head -3; kill -SIGINT; echo $?; kill -TERM; echo $?
#### background jobs show compound commands
while :; do sleep 9; done & jobs; kill $!; wait $! 2>/dev/null; for i in 1 2; do sleep 9; done & jobs; kill %1; wait $! 2>/dev/null; { sleep 9; echo x; } & jobs; kill %%; wait $! 2>/dev/null; (sleep 9; :) & sleep 8 | cat & jobs; kill %1 %2; wait 2>/dev/null
#### exit codes
(exit 256); echo $?; (exit -1); echo $?; (exit 1 2); echo $?; (exit abc); echo $?; bash -c 'exit 300'; echo $?; f() { return -1; }; f; echo $?; f() { return 1 2; }; f; echo $?; f() { return abc; }; f; echo $?; true | (exit 3); echo $?; : $(exit 9); echo $?; x=$(exit 9) y=2; echo $?; exit 300
#### echo
echo -n a; echo; echo -e 'a\tb\\n\x41\0101\u00e9\e[0m' | cat -v; echo -E 'a\tb'; echo -ne 'x\n'; echo -en 'c\cdropped'; echo; echo -x; echo --; echo -n -e; echo - a; echo "-n"; echo -nn b; echo; echo -e -n 'q\n'; shopt -s xpg_echo; echo 'a\tb'
#### let and declare i
declare -i x; x=1+1; x+=5; echo $x; x='2 * 3'; echo $x; x=abc; echo $x; x=1/0; echo $?; echo next
#### bash options
bash -c 'echo $0 $@' a b c; bash -e -c 'false; echo no'; echo $?; bash -x -c 'echo hi'; bash -u -c 'echo $zz'; echo $?; echo 'echo stdin $1' | bash -s arg; bash -n -c 'echo no'; echo $?; bash nosuch.sh; echo $?; bash -z; echo $?; echo 'echo file $0 $1' > f.sh; bash f.sh x; bash -c; echo $?; bash -o pipefail -c 'false | true'; echo $?; bash -O extglob -c 'echo +(x)'; bash --norc -c 'echo norc'; bash +e -c 'echo plus'; echo 'exit 4' | bash; echo $?; bash /etc; echo $?; bash -ec 'false' ; echo $?; bash -xc ':' ; sh -c 'echo sh $0' zz
#### comments and continuation
echo a # comment
echo a#b '#c' \#d # e
: '
multi'
echo x\
y
# comment \
echo after
echo ${x#y} ${#} $# $((2#11))
echo "# not a comment"
if true # comment
then # another
  echo yes # yes
fi # end
case x in # c
  x) echo case ;; # d
esac
a=(1 # one
2 # two
); echo ${#a[@]}
#### interactive comments and history in scripts
history; echo $?; echo !! !x '!y'; set -o histexpand; echo "!x"
#### assignments before commands
x=1; x=2 eval 'echo $x'; echo $x; x=3 bash -c 'echo $x'; x=4 y=5 env | grep -E '^[xy]=' | sort; f() { echo "f $x"; x=9; }; x=6 f; echo $x; x=7 :; echo $x; IFS=, read a b <<< 1,2; echo $a $b; x=8 echo $x; a=b=c; echo $a; x= y=$x z=1; echo "[$x$y$z]"; PATH=/nosuch ls; echo $?; x=1 | cat; echo "$x"; x+=2 bash -c 'echo $x'; 1x=2; echo $?; x =2; echo $?; x[1]=2 true; a[0]=1 b[0]=2; echo $b
#### long pipelines and groups
seq 5 | { read x; echo $x; cat; } | while read y; do echo "<$y>"; done | tail -2; echo a | tr a b | tr b c | tr c d; for i in 3 1 2; do echo $i; done | sort | tr '\n' ' '; echo; if echo x | grep -q x; then echo found; fi; echo "$(seq 3 | paste -sd+ | bc 2>/dev/null || echo nobc)" | tail -1 | wc -l; { echo 1; echo 2 >&2; } 2>&1 | sort -r; cat <<E | sed 's/a/b/' | cat -n
a line
E
f() { cat; }; echo piped | f; while read -r l; do echo "$l"; done < <(f <<< input); yes | head -2 | cat; (echo a; echo b) | (read x; read y; echo $y $x)
#### lastpipe and options in pipes
shopt -s lastpipe; echo a | read x; echo "[$x]"; shopt -u lastpipe; echo b | read x; echo "[$x]"
#### nested functions and recursion
fact() { if (( $1 <= 1 )); then echo 1; else echo $(( $1 * $(fact $(( $1 - 1 ))) )); fi; }; fact 6; fib() { local n=$1; (( n < 2 )) && { echo $n; return; }; echo $(( $(fib $((n-1))) + $(fib $((n-2))) )); }; fib 8; outer() { inner() { echo "inner $1"; }; inner "$@"; }; outer x; inner y; hanoi() { (( $1 == 0 )) && return; hanoi $(($1-1)) $2 $4 $3; echo -n "$2$3 "; hanoi $(($1-1)) $4 $3 $2; }; hanoi 3 A C B; echo
#### FUNCNEST
FUNCNEST=3; f() { echo $1; f $(($1+1)); }; f 1; echo $?
#### times and enable and help
times | wc -l; compgen -b | head -2; compgen -W 'aa ab b' a; compgen -A function; compgen -v HOM
#### signals that end a subshell, and what they are called
for s in ILL TRAP ABRT BUS FPE SEGV XCPU SYS; do (kill -$s $BASHPID; echo no) 2> /dev/null; echo "$s $?"; done 2> /dev/null
#### a subshell's redirections are its own
(echo a; echo b >&2) 2>&1 > /dev/null | cat; (cat) <<< hi; (cat < nofile) 2> /dev/null; echo $?
#### jobs of the shell are known in a pipeline (no stderr)
sleep 5 & jobs -p | wc -l; kill %1; jobs -x echo hi; disown -z; echo $?
#### traps are listed in their order
trap ':' RETURN; trap ': 1' ERR; trap ': 2' DEBUG; trap - DEBUG; trap ': 3' EXIT; trap ': 4' TERM; trap -p; trap - EXIT
#### limits
ulimit -z; ulimit -c; ulimit -c 0; echo $?; ulimit -S -n 100; ulimit -n; ulimit -n abc; ulimit -a | grep -v 'open\|pending\|user proc'
#### a list of an associative array has indices with blanks
declare -A m=([a]=1 [b c]=2 ["d e"]=3); for k in "${!m[@]}"; do echo "$k=${m[$k]}"; done | sort; echo ${#m[@]}
#### read -t 0 looks whether there is something
read -t 0 < /dev/null; echo $?; echo x | { sleep 0.1; read -t 0; echo $?; }
#### a transformation that there is not, of a variable that there is
x=1; echo ${x@Z}; echo no
#### local reference to itself
g() { local -n ref=ref; echo $?; }; g 2> /dev/null
#### all of shopt
shopt; shopt -p | tail -3
#### dash has less than bash, and says so
for s in '[[ a == a ]]' 'x=(1 2)' 'cat <<< hi' 'x=abc; echo ${x^^}' 'echo ${x:1:1}' 'function f { :; }' 'a=1; a+=2; echo $a' 'for ((i=0;i<2;i++)); do :; done' 'let x=1' 'source x' 'declare x' 'diff <(echo) x' 'set -o pipefail' 'echo $((1/0))' 'shift 5; echo no' '[ a b c ]' 'test 1 -eq a' 'readonly r=1; r=2; echo no'; do dash -c "$s"; echo $?; done
