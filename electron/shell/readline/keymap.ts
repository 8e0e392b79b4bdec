import { isFunction, SAME } from './functions.ts'
import { parseSequence, showSequence } from './sequences.ts'

/** What a key sequence does: one of readline's functions, text typed in its place, or a command of the shell (`bind -x`). */
export type Binding = { kind: 'function'; name: string } | { kind: 'macro'; text: string } | { kind: 'command'; text: string }

/** readline 8.2's emacs mode in an xterm: function, then its sequences. Letters and other characters insert themselves. */
const EMACS = String.raw`
abort \C-g \C-x\C-g \e\C-g
accept-line \C-j \C-m
backward-char \C-b \eOD \e[D
backward-delete-char \C-h \C-?
backward-kill-line \C-x\C-?
backward-kill-word \e\C-h \e\C-?
backward-word \e[1;3D \e[1;5D \eb
beginning-of-history \e<
beginning-of-line \C-a \eOH \e[H
bracketed-paste-begin \e[200~
call-last-kbd-macro \C-xe
capitalize-word \ec
character-search \C-]
character-search-backward \e\C-]
clear-display \e\C-l
clear-screen \C-l
complete \C-i \e\e
complete-command \e!
complete-filename \e/
complete-hostname \e@
complete-into-braces \e{
complete-username \e~
complete-variable \e$
delete-char \C-d \e[3~
delete-horizontal-space \e\\
digit-argument \e- \e0 \e1 \e2 \e3 \e4 \e5 \e6 \e7 \e8 \e9
display-shell-version \C-x\C-v
downcase-word \el
dynamic-complete-history \e\C-i
edit-and-execute-command \C-x\C-e
end-kbd-macro \C-x)
end-of-history \e>
end-of-line \C-e \eOF \e[F
exchange-point-and-mark \C-x\C-x
forward-char \C-f \eOC \e[C
forward-search-history \C-s
forward-word \e[1;3C \e[1;5C \ef
glob-complete-word \eg
glob-expand-word \C-x*
glob-list-expansions \C-xg
history-expand-line \e^
history-search-backward \e[5~
history-search-forward \e[6~
insert-comment \e#
insert-completions \e*
kill-line \C-k
kill-word \e[3;5~ \ed
next-history \C-n \eOB \e[B
non-incremental-forward-search-history \en
non-incremental-reverse-search-history \ep
operate-and-get-next \C-o
overwrite-mode \e[2~
possible-command-completions \C-x!
possible-completions \e= \e?
possible-filename-completions \C-x/
possible-hostname-completions \C-x@
possible-username-completions \C-x~
possible-variable-completions \C-x$
previous-history \C-p \eOA \e[A
quoted-insert \C-q \C-v
re-read-init-file \C-x\C-r
reverse-search-history \C-r
revert-line \e\C-r \er
set-mark \C-@ \e\040
shell-backward-word \e\C-b
shell-expand-line \e\C-e
shell-forward-word \e\C-f
shell-kill-word \e\C-d
shell-transpose-words \e\C-t
spell-correct-word \C-xs
start-kbd-macro \C-x(
tilde-expand \e&
transpose-chars \C-t
transpose-words \et
undo \C-x\C-u \C-_
unix-line-discard \C-u
unix-word-rubout \C-w
upcase-word \eu
yank \C-y
yank-last-arg \e. \e_
yank-nth-arg \e\C-y
yank-pop \ey`

const DEFAULTS: ReadonlyMap<string, Binding> = new Map(defaults())

function* defaults(): Generator<[string, Binding]> {
  for (const line of EMACS.trim().split('\n')) {
    const [name, ...sequences] = line.split(' ')
    for (const sequence of sequences) yield [parseSequence(sequence), { kind: 'function', name: name! }]
  }
  for (let code = 65; code <= 90; code++) {
    const letter = String.fromCharCode(code)
    yield [`\x18${letter}`, { kind: 'function', name: 'do-lowercase-version' }]
    if (letter !== 'O') yield [`\x1b${letter}`, { kind: 'function', name: 'do-lowercase-version' }]
  }
}

/** The keys of the emacs mode, as `bind` and an inputrc change them. */
export class Keymap {
  readonly #bindings = new Map(DEFAULTS)
  #prefixes: ReadonlySet<string> | undefined

  /** undefined: nothing is bound to it. */
  find(sequence: string): Binding | undefined {
    return this.#bindings.get(sequence) ?? (insertsItself(sequence) ? { kind: 'function', name: 'self-insert' } : undefined)
  }

  /** Whether there are longer sequences that begin with this one. */
  isPrefix(sequence: string): boolean {
    this.#prefixes ??= new Set([...this.#bindings.keys()].flatMap((keys) => Array.from({ length: keys.length - 1 }, (_, i) => keys.slice(0, i + 1))))
    return this.#prefixes.has(sequence)
  }

  bind(sequence: string, binding: Binding): void {
    if (sequence === '') return
    this.#bindings.set(sequence, binding)
    this.#prefixes = undefined
  }

  unbind(sequence: string): void {
    if (this.#bindings.delete(sequence)) this.#prefixes = undefined
  }

  /** All keys of a function, as `bind -p` shows and sorts them. */
  keysOf(name: string): string[] {
    const wanted = SAME.get(name) ?? name
    const found = [...this.#bindings].filter(([, b]) => b.kind === 'function' && b.name === wanted).map(([keys]) => keys)
    if (name === 'self-insert') {
      for (let code = 0x20; code < 0x7f; code++) if (!this.#bindings.has(String.fromCharCode(code))) found.push(String.fromCharCode(code))
      for (let code = 0x80; code < 0x100; code++) found.push(String.fromCharCode(0xf700 + code))
    }
    return found.sort(byCode).map(showSequence)
  }

  /** Takes a function's keys away. */
  unbindFunction(name: string): void {
    for (const [keys, binding] of [...this.#bindings]) if (binding.kind === 'function' && binding.name === (SAME.get(name) ?? name)) this.unbind(keys)
  }

  /** Macros, or commands, by their keys. */
  texts(kind: 'macro' | 'command'): { keys: string; text: string }[] {
    return [...this.#bindings].flatMap(([keys, binding]) => (binding.kind === kind ? [{ keys, text: binding.text }] : [])).sort((a, b) => byCode(a.keys, b.keys)).map(({ keys, text }) => ({ keys: showSequence(keys), text }))
  }
}

/** A name that readline knows, in any case: bound to a sequence. What it does not know unbinds it. */
export function functionBinding(name: string): Binding | undefined {
  const known = name.toLowerCase()
  return isFunction(known) ? { kind: 'function', name: SAME.get(known) ?? known } : undefined
}

function insertsItself(sequence: string): boolean {
  return sequence.length > 0 && sequence >= ' ' && sequence !== '\x7f' && [...sequence].length === 1
}

function byCode(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
