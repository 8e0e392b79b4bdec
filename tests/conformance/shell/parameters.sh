#### parameters: every form with set, empty and unset
unset u; e=; v=value
for n in u e v; do
  declare -n r=$n
  echo "$n [${r-d}] [${r:-d}] [${r+a}] [${r:+a}]"
done
unset -n r
echo "${u=assigned} $u ${e=no}|${e:=filled} $e"
(echo "${zz?}") ; echo $?
(echo "${zz:?custom message}") ; echo $?
(echo "${e2:?}"); echo $?
(set --; echo "${1?no first}"); echo $?
#### assignment to a positional
echo "${1:=x}"
echo "next $?"
#### nested defaults and quotes
unset a b c
echo ${a:-${b:-${c:-deep}}} "${a:-"quoted  inner"}" ${a:-'single  q'} "${a:-'s'}" "${a:-\}}" ${a:-\}}
echo "${a:-$(echo sub)}" "${a:-$((1+1))}" ${a-} "${a-}" ${a:-a b} | cat -A
x='1 2 3'; echo ${a:-$x} "${a:-$x}"
set -- ${a:-"x y" z}; echo $#
set -- "${a:-x y}" ${a:+z}; echo $#
#### indirect expansion
name=target; target=value; arr=(x y z); ref='arr[1]'; all='arr[@]'
echo ${!name} ${!ref} "${!all}" ${!name:-d} ${!name/a/A} ${#name} ${!name^^}
unset target; echo "[${!name}]" "${!name:-gone}"
p1=a p2=b p3=c; echo ${!p*} "${!p@}" ${!nope*}
declare -A m=([k]=v); for k in "${!m[@]}"; do echo $k; done; echo ${!arr[@]} ${!arr[*]}
bad='a b'; echo ${!bad}
echo after
#### indirect through an unset name
unset n; echo "${!n}"
echo after $?
#### case modification
v='hello World ÀÉ'; echo "${v^} ${v^^} ${v,} ${v,,} ${v~} ${v~~} ${v^^[lo]} ${v,,[W]}"
a=(one two); echo ${a[@]^} ${a[*]^^} "${a[@]~}"
set -- aa bb; echo ${@^} ${*^^b}
#### transformations
v=$'a\tb \'c\''; echo "${v@Q}" "${v@U}" "${v@L}" "${v@u}"
e='tab\there\x41'; echo "${e@E}"
declare -i n=5; declare -r ro=1; export ex=2; declare -a ar=(1 2); declare -A as=([x]=1)
echo "${n@a} ${ro@a} ${ex@a} ${ar@a} ${as@a} [${v@a}]"
echo "${n@A}"; echo "${ro@A}"; echo "${ex@A}"; echo "${ar[@]@A}"; echo "${as[@]@A}"; echo "${v@A}"
echo "${ar[@]@K}" "${as[@]@K}"
for x in "${ar[@]@k}"; do echo "<$x>"; done
set -- 'a b' c; echo "${@@Q}" "${*@Q}" "${@@A}"
echo "${ar[@]@Q}"
echo "${undefined@Q}|"
#### bad transformation
echo "${v@Z}"
echo $?
#### substring of scalars
s=0123456789; echo "${s:0}" "${s:3:0}|" "${s:(-3)}" "${s: -3:-1}" "${s:2:100}" "${s:10}|" "${s:11}|" ${s:1+1:2*2} ${s: -20}
i=3; echo ${s:i} ${s:i:i} ${s:$i:1} ${s:i-1:-2}
u='äöüß'; echo ${u:1:2} ${#u}
echo "${s:5:-6}"
echo "next"
#### slices of arrays
a=(a b c d e); echo "${a[@]:1:2}" "${a[@]: -2}" "${a[*]:3}" "${a[@]:0:1}" "${a[@]:9}|" "${a:0:1}" "${a[2]:0:1}"
s=([2]=x [5]=y [9]=z); echo "${s[@]:3}" "${s[@]:2:2}" "${s[@]: -1}" "${s[@]:0:1}"
set -- p q r; echo "${@:0}" | sed 's/^[^ ]* //'; echo "${@:2}" "${@:1:2}" "${@: -1}" "${*:2:1}"
echo "${a[@]:1:-1}"
echo after
#### prefix and suffix removal with patterns
f=/a/b.c/d.e.f; echo ${f##*/} ${f%/*} ${f#*.} ${f%%.*} ${f%%/*}| cat
a=(x.c y.c z.h); echo ${a[@]%.c} "${a[@]#?.}" ${a[*]##*.}
v='a*b*c'; echo "${v#a\*}" "${v#'a*'}" ${v%"*c"} ; p='*b'; echo "${v#$p}" "${v#"$p"}"
x=aaabbb; echo ${x##+(a)} ${x#a*a} ; shopt -s extglob; echo ${x##+(a)} ${x%%+(b)} ${x/#+(a)/-} ${x//@(a|b)/.}
v=$'line1\nline2'; echo "${v#*$'\n'}" "${v%%$'\n'*}"
#### replacement
v='one two one'; echo "${v/one/1}" "${v//one/1}" "${v/#one/1}" "${v/%one/1}" "${v//o}" "${v/ /}" "${v// /_}"
echo "${v/two/&&}" "${v/two/[&]}" "${v/two/\&}" "${v/two/'&'}" "${v/two/"&"}"
r='<&>'; echo "${v/two/$r}" "${v/two/"$r"}"
shopt -u patsub_replacement; echo "${v/two/[&]}"
s='a/b/c'; echo "${s//\//-}" "${s//'/'/+}" ${s/\//} "${s//[\/]/.}"
a=(foo boo); echo "${a[@]/oo/ee}" "${a[@]/#/pre-}" "${a[@]/%/-post}" ${a[*]//o/0}
set -- aXb cXd; echo "${@/X/-}" "${*//X/}"
e=; echo "[${e/x/y}] [${e/#/y}] [${e//*/z}]"
t='a.b.c'; echo ${t//./} ${t//[^a-c]/ }
u=ünï; echo ${u//ï/i} ${u/?/U}
#### replacement longest match
v=aaaa; echo ${v/a*/x} ${v//a?/y} ${v/%a*/z} ${v/*a/w}
v='abcabc'; echo ${v/b*c/-} ${v//[ab]/} ${v/#*b/-} ${v/%b*/-}
#### length
v=héllo; a=(1 22 333); declare -A m=([a]=1 [bb]=2); echo ${#v} ${#a} ${#a[2]} ${#a[@]} ${#a[*]} ${#m[@]} ${#m[bb]} ${#undefined} ${#undefined[@]}
set -- 1 2 3; echo ${#} ${#@} ${#*} $# ${#1} ${#-} ${#?}
#### bad substitution messages
echo "${a b}"
echo "after"
#### bad substitution in a function
f() { echo "${1.x}"; echo not reached; }
f; echo "also not"
echo "next line"
#### empty braces
echo "${}"
echo next
#### array assignments
a=(1 2 3); a[5]=six; a+=(seven); echo "${a[@]}" "${!a[@]}" ${#a[@]}
a[-1]=last; echo ${a[-1]} ${a[-2]}; unset 'a[0]' a[1]; echo "${!a[@]}"; a=([3]=c [1]=b z); echo "${!a[@]}" "${a[@]}"
b=("${a[@]}"); b+=x; echo "${b[0]}"; b=(); echo ${#b[@]}; c[0]=q; c[3]=r; echo ${c[*]}
a[1+1]=two; i=7; a[i]=seven; a[$i+1]=eight; echo "${!a[@]}"
declare -a d; echo ${#d[@]} "${d[0]-unset}"; d=x; echo ${d[0]}
unset a; a[0]+=p; a[0]+=q; echo $a; x=s; x[1]=t; echo "${x[@]}"
a=(a b c); a=("${a[@]:1}"); echo "${a[@]}"; a=(new "${a[@]}"); echo "${a[*]}"
#### negative subscript out of range
a=(1); echo "${a[-5]}"
a[-5]=x
echo $?
#### associative arrays
declare -A m; m[one]=1; m["two words"]=2; k=three; m[$k]=3; m+=([four]=4); echo ${#m[@]} "${m[two words]}" ${m[three]} ${m[four]} "${m[none]-none}"
unset 'm[one]'; [[ -v m[three] ]] && echo has; [[ -v m[one] ]] || echo hasnot; for k in $(printf '%s\n' "${!m[@]}" | sort); do echo $k; done
declare -A n=([x]=1 [y]=2); n=([z]=3); echo "${!n[@]}"; m[$k]+=more; echo ${m[$k]}; declare -A q=(a 1 b 2); echo ${q[a]} ${q[b]}
m['a[b]']=br; echo "${m['a[b]']}"; declare -A e; e[]=x; echo $?
#### declare -p forms
a=(1 'b c' $'t\tq'); declare -A m=([k]='v w'); declare -i i=3; declare -r r=ro; export x=ex; n=; declare -l l=ABC; declare -u u=abc; declare un; s='q"$`\'
declare -p a m i r x n l u un s; declare -n ref=s; declare -p ref; declare -a ea=(); declare -A em=(); declare -p ea em; declare -a na; declare -p na; declare -A nm; declare -p nm; declare -p nothere; echo $?
nl=$'two\nlines'; declare -p nl; declare -ix ix=4; declare -p ix; declare -ar ra=(1); declare -p ra; declare -xr xr=1; declare -p xr; ctl=$'\001x'; declare -p ctl
#### declare attributes
declare -i n; n=2+3; echo $n; n+=4; echo $n; n=abc; echo $n; declare +i n; n=2+3; echo $n
declare -l low=MiXed; declare -u up=MiXed; echo $low $up; low=NEW; up=new; echo $low $up; declare -c cap=hELLO 2>/dev/null; echo $cap
declare -x e=1; bash -c 'echo $e'; declare +x e; bash -c 'echo "[$e]"'; typeset t=5; echo $t
declare -r c=1; c=2; echo $?
echo not reached
#### readonly errors
readonly r=1; r=2; echo "not printed"
echo "next: $r"
unset r; echo $?
(readonly q; q=1; echo no); echo $?
f() { local r=3; echo "f $r"; }; f; echo $?
export r=4; echo $?; declare r=5; echo $?; read r <<< x; echo $?; for r in 1; do echo loop; done; echo $?
((r=7)); echo $?; let r=8; echo $?
printf -v r x; echo $?
#### readonly listing
readonly zz=1; declare -r | grep zz; readonly -p | grep zz; readonly | grep zz
#### nameref
f() { local -n ref=$1; ref=changed; ref+=more; }; v=orig; f v; echo $v
declare -n a=b; b=1; echo $a; a=2; echo $b; unset a; echo "${b-unset}"; unset -n a; declare -n arr=list; list=(1 2); echo ${arr[1]} ${#arr[@]}; arr+=(3); echo "${list[@]}"; for i in "${!arr[@]}"; do echo $i; done
declare -n loop=loop; echo $?; echo ${!arr}
#### local variables and scope
x=global; f() { local x=local; g; echo "f: $x"; }; g() { echo "g: $x"; x=changed; }; f; echo $x
h() { local a=1 b c=3; local; echo "$a${b-unset}$c"; }; h
k() { local x; echo "[${x-unset}]"; x=2; }; k; echo $x; m() { declare y=1; declare -g z=2; }; m; echo "${y-unset} $z"
n() { unset x; echo "${x-unset}"; }; o() { local x=1; n; echo ${x-gone}; }; o; echo $x
local q=1; echo $?
r() { local x=$1; (( x > 0 )) && r $((x-1)); echo -n "$x "; }; r 4; echo; f() { local -r c=1; c=2; echo no; }; f; echo $?
#### word splitting corner cases
v='  a  b  '; set -- $v; echo $#; set -- "$v"; echo $#; set -- x$v; echo $#; set -- $v$v; echo $# ; set -- ""$v""; echo $#
IFS=:; p='a::b:'; set -- $p; echo $#; printf '<%s>' "$@"; echo; set -- $p""; echo $#; IFS=': '; p=' a : : b '; set -- $p; printf '<%s>' "$@"; echo
IFS=x; v=axbxc; echo $v; echo "$v"; unset IFS; v='a	b
c'; echo $v; IFS=; v='a b'; for w in $v; do echo "[$w]"; done; IFS=,; a=(1 2 3); echo "${a[*]}"; echo ${a[*]}; echo "$*"
#### quotes
echo "a\$b\`c\"d\\e\f" 'a\b"c' a\ b\'c $'q\'q\n\t\x21\u263A\101\cA' | cat -A
echo "mixed"'quotes'un\quoted"$(echo "inner "quoted" here")"
echo $"locale" "'$HOME'" | sed "s|$HOME|H|"; echo a"b"'c'\d; echo '' "" | cat -A; echo \
continued; echo "con\
tinued" 'not\
continued'
#### at and star in all quotings
show() { printf '%d:' $#; printf '<%s>' "$@"; echo; }
set -- 'a b' '' c; show $@; show $*; show "$@"; show "$*"; show "x$@y"; show x"$@"; show "$@$@"; show "${@}" "${*}"; IFS=-; show "$*"; show $*; IFS=; show "$*"; show $*; unset IFS; set --; show "$@"; show "$*"; show "x$@"; show ''"$@"; a=(); show "${a[@]}"; show "${a[*]}"; show "${a[@]}x"
#### braces
echo {a,b}{1,2} a{,b,}c {1..3}{a..b} {10..1..3} {-2..2} {a..z..5} {Z..W} {001..3} {1..003} {x,y{1,2},z} {a} {a,b {,} "{a,b}" \{a,b} {a,b\,c} ${x}{1,2} {1..2}.{a,b} {a..1} {1..2..0} {5..1..-2} {0..10..5}
echo x{$HOME,b}y | sed "s|$HOME|H|"; echo {'a b',c} {"$x"q,r}; v={1,2}; echo $v; echo {1..$v}; echo a{b{c,d}e,f}g {,,} {a,b}{,} {1.2} {..} {a..} {{a,b},c} {a,{b,c}d}e
echo ~/{a,b} | sed "s|$HOME|H|g"; echo {a..c}$(echo x){1,2}
#### tilde
cd /; echo ~ ~+ ~root ~/x "~" '~' \~ ~nosuchuser x~ | sed "s|$HOME|H|g"; cd /usr; echo ~- ~+/y; a=~:~/b:x~; echo $a | sed "s|$HOME|H|g"; b="~"; echo $b; HOME=/new; echo ~; PATH=~/bin:$PATH; echo ${PATH%%:*}; echo a=~ b:~; unset HOME; echo ~ | wc -l
#### globs
touch a.txt b.txt c.log .hidden 'sp ace.txt' d1 d2 dd; mkdir sub sub/deep; touch sub/x.txt sub/deep/y.txt; rm snippet.sh
echo *.txt; echo ?.txt [ab]* [!ab]*; echo *.none; echo .h* *; echo d[0-9] d[[:digit:]] d[^0-9] [[:upper:]]*; echo sub/*.txt */ */*; echo "*.txt" \*.txt '*'; v='*.log'; echo $v "$v"; for f in *.txt; do echo "<$f>"; done
shopt -s nullglob; echo [*.none] x*.none; shopt -u nullglob; shopt -s dotglob; echo *; shopt -u dotglob; shopt -s globstar; echo **; echo **/*.txt; shopt -u globstar; shopt -s nocaseglob; echo A*; shopt -u nocaseglob; set -f; echo *.txt; set +f; GLOBIGNORE='*.txt'; echo *; unset GLOBIGNORE; echo [a-c].* [z]* []a]*
shopt -s failglob; echo nothing*here; echo "after $?"
echo next
#### extglob
shopt -s extglob; touch abc abcabc ab x.c y.h z.o; echo @(abc|ab) +(abc) *(abc) ?(x.c) !(snippet.sh|*.?) !(a*|snippet*); for s in '' a aa ab b; do [[ $s == *(a) ]] && echo "star:$s"; [[ $s == +(a) ]] && echo "plus:$s"; [[ $s == ?(a) ]] && echo "opt:$s"; [[ $s == !(a) ]] && echo "not:$s"; [[ $s == @(a|b) ]] && echo "one:$s"; done; v=foobarfoo; echo ${v//@(foo|bar)/x} ${v##!(*bar)} ${v%%*(o)}; case abc in @(x|a*)) echo case;; esac
