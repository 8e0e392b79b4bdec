/**
 * `kubectl completion bash`: a script of our own. It asks `kubectl __complete`, which answers with a candidate and its
 * description a line and, behind a colon, what may follow: 1 an error, 2 no space, 4 no file names, 8 only files with
 * these extensions. Bash breaks words at "=" and ":", so what stands before the last of them is not part of a reply.
 */
export const BASH_COMPLETION = String.raw`# bash completion for kubectl: what there is, kubectl itself knows
__start_kubectl() {
  local line=${'$'}{COMP_LINE:0:COMP_POINT} last want cut answer text name directive longest=0 room i
  local -a words found
  read -ra words <<< "$line"
  [[ $line == *[[:blank:]] ]] && words+=('')
  last=${'$'}{words[${'$'}{#words[@]}-1]}
  want=$last
  [[ $last == -*=* ]] && want=${'$'}{last#*=}
  cut=${'$'}{want%"${'$'}{want##*[=:]}"}
  answer=$(kubectl __complete "${'$'}{words[@]:1}" 2> /dev/null) || return
  directive=${'$'}{answer##*:}
  answer=${'$'}{answer%:*}
  COMPREPLY=()
  (( directive & 1 )) && return
  (( directive & 2 )) && compopt -o nospace
  (( directive & 4 )) && compopt +o default
  if (( directive & 8 )); then
    compopt -o filenames
    while IFS= read -r name; do
      [[ -d $name ]] && found+=("$name")
      for text in $answer; do [[ -f $name && $name == *".$text" ]] && found+=("$name"); done
    done < <(compgen -f -- "$want")
    COMPREPLY=("${'$'}{found[@]}")
    return
  fi
  while IFS= read -r text; do
    name=${'$'}{text%%$'\t'*}
    [[ -n $name && $name == "$want"* ]] || continue
    found+=("${'$'}{text#"$cut"}")
    name=${'$'}{name#"$cut"}
    (( ${'$'}{#name} > longest )) && longest=${'$'}{#name}
  done <<< "$answer"
  (( room = ${'$'}{COLUMNS:-80} - longest - 4 ))
  for i in "${'$'}{!found[@]}"; do
    text=${'$'}{found[i]}
    name=${'$'}{text%%$'\t'*}
    if (( ${'$'}{#found[@]} > 1 && room > 8 )) && [[ $text == *$'\t'* ]]; then
      text=${'$'}{text#*$'\t'}
      (( ${'$'}{#text} > room )) && text=${'$'}{text:0:room-1}${'…'}
      printf -v name '%-*s  (%s)' "$longest" "$name" "$text"
    fi
    COMPREPLY+=("$name")
  done
}
complete -o default -F __start_kubectl kubectl
`
