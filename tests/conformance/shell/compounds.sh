#### arithmetic operators
echo $((1+2*3-4/2%3)) $((2**3**2)) $((-2**2)) $((7/-2)) $((-7%3)) $((1<<62)) $((-8>>1)) $((5&6|1^3)) $((~0)) $((!5)) $((!!5)) $((3>2&&2>1)) $((0||0)) $((1?2:3)) $((0?1:0?2:3)) $((1,2,3)) $((+5)) $((- -5)) $((5==5)) $((5!=5)) $((3<=3)) $((3>=4))
a=5; echo $((a+=2)) $((a-=1)) $((a*=3)) $((a/=2)) $((a%=4)) $((a<<=3)) $((a>>=1)) $((a&=6)) $((a|=8)) $((a^=5)) $a; echo $((a++ + ++a)) $((a-- - --a)) $a; b=a; echo $((b)) $((b+1)) $((a=b=3)) $a $b
echo $((0x1F)) $((017)) $((2#1011)) $((36#z)) $((64#@)) $((64#_)) $((16#Ff)) $((0)) $((00))
echo next
#### arithmetic bases errors
echo $((09))
echo "next $?"
echo $((2#2)); echo $((65#1)); echo $((0x)); echo $((1#0))
echo end $?
#### arithmetic syntax errors
echo $((1+))
echo $((1 2))
echo $((*3))
echo $((a b))
echo $((1=2))
echo $((3++))
echo end
#### arithmetic errors in messages
echo $((1/0)); echo no
echo $((5%0))
x='1 +'; echo $((x))
y=08; echo $((y+1))
echo $((2**-1))
((1/0)); echo $?
let 1/0; echo $?
let "a=1+"; echo $?
let; echo $?
(( 1 + )); echo $?
a[1/0]=x; echo $?
echo end
#### arithmetic with arrays and strings
a=(3 4 5); echo $((a[0]+a[1])) $((a[a[0]-1])) $((a)) $((a[-1])) $((a[1]++)) ${a[1]} $((a[9])) $((${#a[@]}*2)); declare -A m=([k]=7); echo $((m[k]+1)) $((m[none])); i=0; echo $((a[i++])) $i; x=y y=z z=9; echo $((x)); e=; echo $((e+1)) $(()) $((  )); s='2+3'; echo $((s*2)) $(($s*2))
#### recursion in arithmetic
a=b b=a; echo $((a))
echo $?
#### arithmetic overflow and limits
echo $((9223372036854775807)) $((9223372036854775808)) $((-9223372036854775808)) $((9223372036854775807+1)) $((1<<64)) $((1<<63)) $((-1>>70)) $((0xffffffffffffffff)) $((2**63)) $((2**64))
#### for with arithmetic
for ((i=0,j=10; i<j; i+=3,j--)); do echo $i $j; done; for ((;;)) { break; }; for ((i=3;i--;)) do echo -n $i; done; echo; for (( i = 0; i < 2; i++ )); do for ((j=0;j<2;j++)); do ((j==1)) && continue 2; echo $i$j; done; done; echo $i
#### command substitution
echo $(echo a; echo b) "$(echo a; echo b)" `echo back` `echo \`echo nested\`` $(echo $(echo $(echo deep))) "$(printf 'x\n\n\n')|"; x=$(false); echo $?; x=$(exit 3); echo $?; echo $(exit 4) $?; y=1 z=$(exit 5); echo $?; echo "$(cat <<E
in here
E
)"; echo $(< /etc/hostname) | wc -l; echo $(<nofile); echo $?; echo "$( (echo sub) )" $( { echo grp; } ); v=$(case x in x) echo matched;; esac); echo $v; echo $(echo ')' "(" # comment )
); local_=$(f() { echo in; }; f); echo $local_
#### command substitution trims and null
x=$(printf 'a\0b'); echo "$x"; echo "${#x}"
#### process substitution
cat <(echo one) <(echo two); diff <(printf '1\n2\n') <(printf '1\n3\n'); echo $?; while read x; do echo "got $x"; done < <(printf 'a\nb\n'); echo out > >(cat); sleep 0.1; paste <(seq 2) <(seq 3 4); f() { cat "$1"; }; f <(echo via function); wc -l < <(seq 5); g() { cat "${1#*=}"; }; g --file=<(echo inside a word); v=<(echo assigned); echo ${v%/*}; echo 'x<(y)' x"<(y)"
#### functions
f() { echo "f $# $1 ${FUNCNAME[0]}"; return 3; }; f a b; echo $?; function g { echo g; }; g; function h() { echo h; } > /dev/null; h; i() (exit 4); i; echo $?; j() if true; then echo if; fi; j; k() { return; }; false; k; echo $?; l() { return 300; }; l; echo $?; unset -f f; f; echo $?; m() { echo "$@"; set -- new; echo $1; }; m old; echo ${1-none}; n() { [ $1 -gt 0 ] && { echo $1; n $(($1-1)); }; }; n 3; declare -F g; declare -F; echo $?; o() for x in 1 2; do echo $x; done; o; p-q() { echo dash; }; p-q
#### function redefinition and bad names
f() { echo 1; f() { echo 2; }; }; f; f; echo () { builtin echo mine "$@"; }; echo hi; unset -f echo; echo hi; 1a() { :; }; 1a; echo $?; declare -f f
#### declare -f prints as bash does
f() { local x=1; if [ "$x" = 1 ]; then echo yes; elif true; then :; else echo no; fi; for i in a b; do echo $i; done; while read l; do echo "$l"; done < file; case $x in a|b) echo ab;; *) echo other ;& c) ;; esac; }
declare -f f
g() ( echo sub; ); declare -f g
h() { a && b || c; d | e |& k; ! x; (y); { z; }; [[ a == b && -n $c ]]; (( 1+1 )); cmd > out 2>&1 < in & }; type h
i () { cat <<E
text $x
E
echo after; }; declare -f i
for_() { for ((i=0;i<3;i++)); do echo; done; until false; do break; done; select x in 1; do :; done; }; declare -f for_
#### return outside
return 3
echo $?
#### break and continue
for i in 1 2 3; do for j in 1 2 3; do [ $j = 2 ] && continue 2; [ $i = 3 ] && break 2; echo $i$j; done; done; while true; do break; done; echo $?; for i in 1; do break 99; done; break; echo $?; continue 2; echo $?; for i in 1 2; do (break; echo in); echo out; done; for i in 1; do break 0; done; echo $?; for i in 1; do break x; done; echo not reached
#### case forms
f() { case $1 in a) echo a ;& b) echo b ;;& [bc]) echo bc ;; c|d) echo cd ;; (e) echo e ;; "*") echo star ;; '') echo empty ;; *) echo default ;; esac; echo "$?"; }; for x in a b c d e '*' '' zz; do echo "- $x"; f "$x"; done; case x in esac; echo $?; case x in y) ;; esac; echo $?; case $(echo sub) in s*) echo subst;; esac; case "a b" in a\ b) echo sp;; esac; p='[a-c]*'; case bcd in $p) echo pat;; esac; case '[a-c]*' in "$p") echo quoted;; esac; shopt -s nocasematch; case ABC in abc) echo nocase;; esac
#### if forms
if false; then echo 1; elif false; then echo 2; else echo 3; fi; if true; then :; fi; echo $?; if false; then :; fi; echo $?; if ! false; then echo not; fi; if [ a ] && [ b ]; then echo and; fi; if (exit 3); then :; else echo $?; fi; if { false; true; }; then echo last; fi; if
echo multi
false
then echo no; else echo multiline; fi
#### while and until
i=0; while [ $i -lt 3 ]; do i=$((i+1)); [ $i = 2 ] && continue; echo $i; done; until [ $i = 0 ]; do ((i--)); done; echo $i; while false; do :; done; echo $?; while :; do (exit 3); break; done; echo $?; printf '1\n2\n' | while read x; do echo $((x*2)); y=$x; done; echo "[$y]"; while read -r a b; do echo "$b-$a"; done <<< $'1 2\n3 4'
#### select reads from input
select x in one two three; do echo "got $x ($REPLY)"; [ "$x" = three ] && break; done <<< $'1\n9\n\n3\n'
echo $?; PS3='pick: '; select y in a b; do echo $y; break; done <<< 2; select z in a b; do :; done < /dev/null; echo $?; set -- p q; select w; do echo $w; break; done <<< 1; select v in $(seq 12); do echo $v; break; done <<< 11; select e in; do :; done; echo $?
#### coproc
coproc cat; echo hello >&${COPROC[1]}; read -r x <&${COPROC[0]}; echo "$x"; exec {COPROC[1]}>&-; wait $COPROC_PID; echo $?
coproc UP { while read -r l; do echo "${l^^}"; done; }; echo abc >&"${UP[1]}"; read -u ${UP[0]} r; echo $r; echo ${#UP[@]}; kill $UP_PID; wait $UP_PID 2>/dev/null; echo $?
#### subshells and groups
x=1; (x=2; echo $x); echo $x; { x=3; echo $x; }; echo $x; (exit 7); echo $?; (cd /; pwd); pwd | sed 's/.*work/work/'; { echo a; echo b; } | cat; (echo c; echo d) > f; cat f; { echo e >&2; } 2>&1; echo $BASH_SUBSHELL $(echo $BASH_SUBSHELL) $( (echo $BASH_SUBSHELL) ); (trap 'echo bye' EXIT; exit 2); echo $?; ( ( echo nested ) ); (false) || echo or; { false; } && echo no; echo $?
#### pipefail and PIPESTATUS
false | true; echo $? ${PIPESTATUS[@]}; true | false | exit 3; echo $? "${PIPESTATUS[*]}"; set -o pipefail; false | true; echo $?; exit 2 | exit 3 | true; echo $?; true | true; echo $?; ! false | true; echo $?; set +o pipefail; false; echo ${PIPESTATUS[@]} ; echo ${#PIPESTATUS[@]}; yes | head -1; echo ${PIPESTATUS[@]}; (exit 4) | (exit 5); p=("${PIPESTATUS[@]}"); echo ${p[1]} ${p[0]}; echo a |& cat; ls nofile |& wc -l; if false | false; then :; fi; echo ${PIPESTATUS[0]}
#### here documents
x=val; cat <<E
$x \$x $(echo sub) $((1+1)) `echo bq` "q" 'q' \\ \a ${x:-d}
line\
joined
E
cat <<'E'
$x $(no) \
E
cat <<"E F"
quoted $x
E F
cat <<-E
	tab stripped
		two $x
	E
cat <<\E; echo same line
$x
E
cat <<A - <<B
a
A
b
B
cat <<E | tr a-z A-Z
piped
E
while read l; do echo "[$l]"; done <<E
1
2
E
cat <<E
${x/v/V} "${x}" ${u-'q'} ${u-"dq"}
E
f() { cat <<E
in function $1
E
}; f arg; cat 0<<E 3<<F
zero
E
three
F
cat <<E
E
cat <<E
unterminated
#### here strings
cat <<< word; cat <<< "two words"; cat <<< $'a\nb'; x='a   b'; cat <<< $x; cat <<< "$x"; cat <<< a"b"'c'; read y <<< " trim "; echo "[$y]"; cat <<< ~ | wc -l; cat <<< *; cat <<<$(echo sub); cat <<< ""; wc -c <<< ""; tr a-z A-Z <<< {a,b}
#### redirections
echo a > f; echo b >> f; cat < f; echo c >| f; cat f; echo err >&2 2>/dev/null; { echo o; echo e >&2; } > both 2>&1; cat both; { echo o; echo e >&2; } &> both2; cat both2; echo app &>> both2; wc -l < both2; { echo e >&2; } 2>&1 >/dev/null; exec 3> three; echo to3 >&3; exec 3>&-; cat three; exec 4< f; read x <&4; echo $x; exec 4<&-; echo bad >&4; echo $?; cat < nofile; echo $?; echo x > nodir/f; echo $?; echo x > .; echo $?; cat <&9; echo $?; : > empty; wc -c < empty; > made; ls made; 2>&1 echo first; echo a 1>&2 2>&1 | cat; exec {fd}> dyn; echo dynamic >&$fd; exec {fd}>&-; cat dyn; [ $fd -ge 10 ] && echo big; echo hi > "sp ace"; cat sp\ ace; echo 5 >&1-; echo rw <> f; exec 5<> f; read y <&5; echo new >&5; exec 5>&-; cat f; >&2 echo toerr; echo a >f 2>&1 b; cat f; ls nofile >/dev/null 2>&1 || echo failed; f='a b'; echo x > $f; echo $?; echo x > "$nothing"; echo $?; echo x > *.none; ls *.none; cat 3<f <&3
#### noclobber
set -C; echo a > f; echo b > f; echo $?; echo c >| f; cat f; echo d >> f; cat f; echo e > /dev/null; echo $?; set +C; echo f > f; cat f
#### file descriptor moves
exec 3>&1 4>&2; echo to3 >&3; { echo x >&3-; echo y >&3; }; exec 5<<< here; cat <&5; { { echo out; echo err >&2; } 3>&1 1>&2 2>&3; } 2>/dev/null; exec 3>&- 4>&-; echo z >&3; f() { echo fun; } >&2; f 2>&1; (exec > sub; echo insub); cat sub; while read l <&6; do echo "r $l"; done 6< <(seq 2); { echo a; echo b >&7; } 7>&1 | cat
#### ambiguous and bad descriptors
a='1 2'; echo x > $a; echo $?; echo >&abc; cat abc; echo >&999; echo $?; echo x >& "1 2"; ls "1 2"; echo >&$u; echo $?; echo a >&-; echo $?
