/** What `complete` says of a command's arguments (bash(1), Programmable Completion). */
export interface CompletionSpec {
  /** -o: default, nospace, filenames, … in the order in which `complete -p` prints them. */
  options: Set<string>
  /** -A and its letters: file, directory, command, … */
  actions: string[]
  /** -W, as it was written: it is expanded when it is used. */
  words?: string
  /** -F */
  function?: string
  /** -P, -S */
  prefix?: string
  suffix?: string
}
