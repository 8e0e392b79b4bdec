printf '%s\n' banana apple fig date cherry > fruit
printf '%s\n' banana apple figs date elderberry > fruit2
printf '%s\n' 10 9 2 33 1 > nums
: > empty
printf '%s\n' 'a.b' aab 'x:y:z' 'n0 digits 12' 'a){2' > mixed
printf '%s\n' an fig > pats
printf '%s\n' 'Hello World' 'hello world' 'foo bar baz' > words
printf '%s\n' 'x 3 p' 'b 1 q' 'a 2 r' 'x 1 s' > table
printf '%s\n' r:0:/root u:1000:/home d:1:/sbin > colons
printf '%s\n' a a b a c c > dups
printf '%s\n' 1K 2M 500 3G > sizes
printf '%s\n' 1.10 1.9 1.2.3 > versions
printf '%s\n' Mar Jan Feb > months
printf '%s\n' a c e > sorted
printf '%s\n' a b c > sorted2
printf 'b\0a\0' > zeros
printf '%s\n' 'a,b;c' 'd,e;f' > csv
printf 'one\ntwo\n\n\nthree\nfour\n' > paras
printf 'a\tb\n\tc\n' > tabs
printf 'a       b\n        c\n' > expanded
printf '%s\n' '1 one' '2 two' '4 four' > j1
printf '%s\n' '1 uno' '2 dos' '3 tres' > j2
printf 'the quick brown fox jumps over the lazy dog again and again\n' > long
printf 'a b\nb c\n' > pairs
printf '{"a":1,"s":"hello","list":[3,1,2],"o":{"y":null}}\n' > json
echo needle > dir/a.txt; echo hay > dir/b.txt; echo needle > dir/sub/c; echo other > dir2/a.txt; echo only > dir2/z
