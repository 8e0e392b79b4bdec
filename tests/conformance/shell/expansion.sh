#### quoting
x='a  b'
echo $x "$x" '$x' \$x "\$x" "\a" 'it'\''s'
echo $'tab\there' $'\x41\u00e9\101' "a'b" 'a"b'
echo "a\
b" c\
d
#### empty arguments
set -- "" a '' "$undefined" $undefined
echo $#
#### default values
unset a; b=; c=x
echo "${a-1}" "${a:-2}" "${b-3}" "${b:-4}" "${c-5}" "${a+6}" "${b+7}" "${b:+8}" "${c:+9}"
echo "${a:=new}" "$a"
echo ${d:-"two words"} ${d:-two words}
#### prefix and suffix
p=/usr/local/lib/file.tar.gz
echo ${p#*/} ${p##*/} ${p%.*} ${p%%.*} ${p%/*} ${p#nothing}
echo "${p##*.}" "${p%"/file.tar.gz"}"
#### replace
s=hello_world_hello
echo ${s/hello/bye} ${s//hello/bye} ${s/#hello/X} ${s/%hello/Y} ${s//_} ${s/l*o/Z} ${s//[aeiou]/.}
#### case change
n=student
echo ${n^} ${n^^} ${n^^[aeiou]} ; u=ABC; echo ${u,} ${u,,}
#### length and substring
s=0123456789
echo ${#s} ${s:3} ${s:3:2} ${s: -3} ${s: -3:2} ${s:2:-2} ${s:20} "${s:0:0}|"
#### positional
set -- a b c d e f g h i j k
echo $1 ${10} $11 ${11} $# "$@" "$*"
shift 3; echo $1 $#
echo "${@:2:3}" "${*: -2}" ${@:1:1}
#### at and star
set -- 'a b' c
for x in "$@"; do echo "<$x>"; done
for x in "$*"; do echo "<$x>"; done
for x in $@; do echo "<$x>"; done
IFS=,; echo "$*"; for x in $*; do echo "<$x>"; done
for x in pre"$@"post; do echo "<$x>"; done
#### field splitting
IFS=:; v='a::b:c:'; set -- $v; echo $#; for x in $v; do echo "<$x>"; done
IFS=' :'; v=' a : b  c:'; for x in $v; do echo "<$x>"; done
IFS=; v='a b'; set -- $v; echo $#
#### arithmetic
echo $((1+2*3)) $((7/2)) $((-7/2)) $((7%3)) $((-7%3)) $((2**10)) $((1<<4)) $((0xff)) $((010)) $((2#101)) $((16#ff))
echo $((3>2)) $((3==2)) $((!0)) $((~5)) $((5&3)) $((5|3)) $((5^3)) $((1&&0)) $((1||0)) $((3>2?10:20))
x=5; echo $((x++)) $x $((++x)) $((x--)) $((x+=10)) $x $(( (x+1) * 2 )) $((x=3,x*2))
y=x; echo $((y+1)); echo $((undefined+1))
echo $((9223372036854775807+1)) $((1 ? 2 : 3)) $[1+1]
#### arithmetic command
((a=5)); echo $a $?; ((0)); echo $?; ((a>3 && a<10)) && echo yes
let b=a*2 c=b+1; echo $b $c
for ((i=0; i<3; i++)); do echo -n "$i "; done; echo
for ((;;)); do break; done; echo out
#### division by zero
echo $((1/0))
echo next line runs
#### braces
echo {a,b,c} x{1,2}y {1..5} {5..1} {a..e} {01..03} {1..10..3} {a,{b,c}} {a} {} {a,} a{,b}
echo "{a,b}" {a,b}{1,2} \{a,b} {1..b}
x=1; echo {$x,2}
#### tilde
HOME=/home/me; echo ~ ~/x "~" a~ ~/y; p=~/bin:~/sbin; echo $p
[ ~+ = "$PWD" ] && echo same
#### command substitution
echo $(echo one; echo two) "$(echo one; echo two)" `echo back`
x=$(printf 'a\n\n\n'); echo "[$x]"
echo $(echo $(echo $(echo deep)))
echo "$(echo "quoted inside")" `echo \`echo nested\``
y=$(exit 3); echo $?
#### substitution keeps its own variables
x=1; y=$(x=2; echo $x); echo $x $y; (x=5); echo $x
#### glob
mkdir d; cd d; : > a.txt; : > b.txt; : > c.log; : > .hidden; mkdir sub; : > sub/x.txt
echo *; echo *.txt; echo ?.log; echo [ab].txt; echo [!a]*.txt; echo .h*; echo */*; echo nothing*; echo "*"; echo \*
echo sub/*.txt ./*.log [a-b]* [[:alpha:]].txt
set -f; echo *; set +f
shopt -s nullglob; echo nothing* end; shopt -u nullglob
x='*.txt'; echo $x "$x"
#### arrays
a=(one "two words" three); echo ${a[0]} "${a[1]}" ${#a[@]} ${#a[1]} ${a[-1]}
for x in "${a[@]}"; do echo "<$x>"; done
a+=(four); a[10]=ten; echo "${!a[@]}" "${#a[@]}"; unset 'a[0]'; echo "${a[@]}"
echo "${a[@]:1:2}" "${a[*]}"
b=("${a[@]/o/0}"); echo "${b[@]}"
c=([2]=x [5]=y z); echo "${!c[@]}" "${c[@]}"
i=2; echo ${c[i]} ${c[$i]} ${c[i+3]}
echo ${a} $a
#### associative arrays
declare -A m; m[x]=1; m["a b"]=2; echo ${m[x]} "${m[a b]}" ${#m[@]}
declare -A n=([k]=v); echo ${n[k]} "${!n[@]}"; [[ -v n[k] ]] && echo has; unset 'n[k]'; echo ${#n[@]}
#### indirect
v=target; target=found; echo ${!v}; abc1=1 abc2=2; echo ${!abc*}
declare -n ref=target; ref=changed; echo $target $ref
#### special parameters
true; echo $?; false; echo $?; echo $#; echo "$-" | cat | tr -d 'a-zA-Z' ; [ -n "$$" ] && echo pid
(exit 7); echo $?
#### transform
x="it's a 'test'"; echo ${x@Q}; y=abc; echo ${y@U} ${y@u}
#### set -u
set -u; echo "${undefined:-ok}"; echo $undefined; echo not reached
#### error if unset
echo ${missing:?needed here}
echo not reached
#### bad substitution
echo ${a!b}
echo still
#### printf
printf '%s|%5s|%-5s|%05d|%x|%X|%o|%c|%%\n' a b c 42 255 255 8 hello
printf '%s %s\n' a b c; printf '%d\n' 0x1f; printf '%.2f %e %g\n' 3.14159 1234.5 0.0001
printf 'no newline'; printf '\n'; printf '%b' 'a\tb\n'; printf '%q\n' 'a b' "it's" ''; printf '%5.2s|\n' abc
printf -v out '%03d' 7; echo $out; printf '%s\n'; printf '%d\n' "'A"; printf '%*d\n' 5 42
printf '%(%Y)T\n' 0; printf '\101\x42\n'; printf '%i %u\n' -3 3
#### printf invalid number
printf '%d\n' 12abc; echo $?
#### echo options
echo -n a; echo b; echo -e 'a\tb\nc\\'; echo -E 'a\tb'; echo -ne 'x\n'; echo -x; echo -- a; echo -e 'a\cb'; echo
#### nested quotes in expansion
a=x; echo "${a:-"b c"}" "${undefined:-"$a y"}" "${undefined:-'z'}" ${undefined:-'q  r'}
#### here-documents
x=val
cat <<END
$x $(echo sub) \$x `echo back` $((1+1)) "quoted" 'single'
END
cat <<'END'
$x $(echo no) \$x
END
cat <<-END
	tab stripped $x
	END
cat <<A; cat <<B
one
A
two
B
cat <<<"string $x"
#### here-document in a loop and pipe
while read -r line; do echo "[$line]"; done <<EOT
a b
 c
EOT
cat <<EOT | tr a-z A-Z
upper
EOT
#### unterminated here-document
cat <<EOT
text
#### pattern quoting
x='a*b'; case $x in 'a*b') echo literal;; esac; case aXb in a*b) echo glob;; esac; case aXb in "a*b") echo no;; *) echo default;; esac
y='*'; case abc in $y) echo active;; esac; case abc in "$y") echo no;; *) echo quoted;; esac
#### extglob
shopt -s extglob
case foobar in @(foo|bar)*) echo 1;; esac
x=aaab; echo ${x##+(a)}; [[ abc == !(x|y) ]] && echo 2; [[ file.txt == *.@(txt|md) ]] && echo 3
#### long words and escapes
echo a\ b a\\b "a\\b" 'a\\b' a"b"c'd'e "a
b"
#### process substitution
cat <(echo one) <(echo two); while read x; do echo "r:$x"; done < <(echo three)
#### the contents of a file
printf 'a\nb\n\n' > f; echo "[$(< f)]"; echo "$(<f)" | wc -l; x=$(< nofile); echo "$? $x"; y=`< f`; echo $y; n=f; echo "$(< "$n")"; echo "[$(< f; )]"
