/** readline's variables with their values at the start, in the order of `bind -v`: on and off first, then the others. */
const SWITCHES: readonly (readonly [name: string, value: boolean])[] = [
  ['bind-tty-special-chars', true], ['blink-matching-paren', false], ['byte-oriented', false], ['colored-completion-prefix', false], ['colored-stats', false],
  ['completion-ignore-case', false], ['completion-map-case', false], ['convert-meta', false], ['disable-completion', false], ['echo-control-characters', true],
  ['enable-active-region', true], ['enable-bracketed-paste', true], ['enable-keypad', false], ['enable-meta-key', true], ['expand-tilde', false],
  ['history-preserve-point', false], ['horizontal-scroll-mode', false], ['input-meta', true], ['mark-directories', true], ['mark-modified-lines', false],
  ['mark-symlinked-directories', false], ['match-hidden-files', true], ['menu-complete-display-prefix', false], ['meta-flag', true], ['output-meta', true],
  ['page-completions', true], ['prefer-visible-bell', true], ['print-completions-horizontally', false], ['revert-all-at-newline', false],
  ['show-all-if-ambiguous', false], ['show-all-if-unmodified', false], ['show-mode-in-prompt', false], ['skip-completed-text', false], ['visible-stats', false],
]
const TEXTS: readonly (readonly [name: string, value: string])[] = [
  ['active-region-end-color', ''], ['active-region-start-color', ''], ['bell-style', 'audible'], ['comment-begin', '#'], ['completion-display-width', '-1'], ['completion-prefix-display-length', '0'],
  ['completion-query-items', '100'], ['editing-mode', 'emacs'], ['emacs-mode-string', '@'], ['history-size', '500'], ['isearch-terminators', ''], ['keymap', 'emacs'], ['keyseq-timeout', '500'],
  ['vi-cmd-mode-string', '(cmd)'], ['vi-ins-mode-string', '(ins)'],
]
const NUMBERS = new Set(['completion-display-width', 'completion-prefix-display-length', 'completion-query-items', 'history-size', 'keyseq-timeout'])
const CHOICES = new Map([['bell-style', ['audible', 'none', 'off', 'on', 'visible']], ['editing-mode', ['emacs', 'vi']], ['keymap', ['emacs', 'emacs-standard', 'emacs-meta', 'emacs-ctlx', 'vi', 'vi-move', 'vi-command', 'vi-insert']]])

/** What `set` has of an effect; those that have none here, and are said so, when they are given another value than the one at the start. */
const WITHOUT_EFFECT = new Set([
  'blink-matching-paren', 'byte-oriented', 'colored-completion-prefix', 'colored-stats', 'completion-display-width', 'completion-prefix-display-length', 'editing-mode', 'enable-keypad',
  'horizontal-scroll-mode', 'isearch-terminators', 'keymap', 'mark-modified-lines', 'menu-complete-display-prefix', 'print-completions-horizontally', 'show-mode-in-prompt', 'skip-completed-text', 'visible-stats',
  'active-region-end-color', 'active-region-start-color',
])

export type Refusal = { kind: 'unknown' | 'value' | 'not simulated'; name: string }

export class Variables {
  readonly #switches = new Map(SWITCHES)
  readonly #texts = new Map(TEXTS)

  is(name: string): boolean {
    return this.#switches.get(name) ?? false
  }

  text(name: string): string {
    return this.#texts.get(name) ?? ''
  }

  /** `set NAME VALUE` of an inputrc; undefined: it was done. */
  set(given: string, value: string): Refusal | undefined {
    const name = given.toLowerCase()
    const before = this.#switches.get(name)
    if (before !== undefined) {
      const on = value === '' || value === '1' || value.toLowerCase() === 'on'
      if (on !== before && WITHOUT_EFFECT.has(name)) return { kind: 'not simulated', name }
      this.#switches.set(name, on)
      return undefined
    }
    const former = this.#texts.get(name)
    if (former === undefined) return { kind: 'unknown', name: given }
    const choices = CHOICES.get(name)
    const chosen = choices ? value.toLowerCase() : NUMBERS.has(name) ? String(Number.parseInt(value, 10) || 0) : value
    if (choices && !choices.includes(chosen)) return { kind: 'value', name }
    const emacs = (name === 'editing-mode' || name === 'keymap') && chosen.startsWith('emacs')
    if (chosen !== former && WITHOUT_EFFECT.has(name) && !emacs) return { kind: 'not simulated', name }
    this.#texts.set(name, emacs ? 'emacs' : name === 'bell-style' && (chosen === 'on' || chosen === 'off') ? (chosen === 'on' ? 'audible' : 'none') : chosen)
    return undefined
  }

  /** All of them, as `bind -v` has them; a text that is not set is left out. */
  list(): (readonly [name: string, value: string])[] {
    return [...[...this.#switches].map(([name, on]) => [name, on ? 'on' : 'off'] as const), ...[...this.#texts].filter(([, value]) => value !== '')]
  }
}
