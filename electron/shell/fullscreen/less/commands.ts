import { ctrl } from '../keys.ts'
import type { Pager } from './pager.ts'

/** What the world around has to do after a key. */
export type Asked = 'quit' | 'follow' | 'edit' | 'repaint' | undefined

/** Keys of less that make its commands; those that ask for a line keep what was typed. */
export class Commands {
  readonly #pager: Pager
  /** A line that is being typed: its prompt, and what it is for. */
  typing: { prompt: string; text: string; then: (text: string) => Asked } | undefined
  #number = ''
  #prefix = ''

  constructor(pager: Pager) {
    this.#pager = pager
  }

  /** What is shown of a command that is not finished, in place of the prompt. */
  get unfinished(): string | undefined {
    if (this.typing) return this.typing.prompt + this.typing.text
    if (this.#prefix !== '') return ` ${this.#prefix}`
    return this.#number === '' ? undefined : `:${this.#number}`
  }

  press(key: string): Asked {
    const pager = this.#pager
    if (this.typing) return this.#type(key)
    if (pager.message !== undefined) {
      pager.message = undefined
      if (key === '\r' || key === '\n') return 'repaint'
    }
    if (this.#prefix === '' && /^\d$/.test(key)) {
      this.#number += key
      return undefined
    }
    if (key === '<Backspace>' && (this.#number !== '' || this.#prefix !== '')) {
      if (this.#prefix !== '') this.#prefix = ''
      else this.#number = this.#number.slice(0, -1)
      return undefined
    }
    const whole = this.#prefix + key
    if ([':', 'Z', '<Esc>', '-', '_', 'm', "'"].includes(whole)) {
      this.#prefix = whole
      return undefined
    }
    const count = this.#number === '' ? undefined : Number(this.#number)
    this.#prefix = this.#number = ''
    pager.fresh = false
    return this.#run(whole, count)
  }

  #run(key: string, count: number | undefined): Asked {
    const pager = this.#pager
    const half = Math.max(1, Math.floor(pager.size.columns / 2))
    switch (key) {
      case 'q': case 'Q': case ':q': case ':Q': case 'ZZ':
        return pager.leaveHelp() ? 'repaint' : 'quit'
      case ' ': case 'f': case ctrl('f'): case ctrl('v'): case '<PageDown>':
        return this.#further(pager.windowForward(count))
      case 'z':
        pager.setWindow(count)
        return this.#further(pager.windowForward(count))
      case 'b': case ctrl('b'): case '<Esc>v': case '<PageUp>': pager.windowBack(count); return
      case 'w':
        pager.setWindow(count)
        pager.windowBack(count)
        return
      case 'j': case 'e': case ctrl('e'): case ctrl('n'): case '\r': case '\n': case '<Down>':
        return this.#further(pager.forward(count ?? 1))
      case 'J': pager.forward(count ?? 1, true); return
      case 'k': case 'y': case ctrl('k'): case ctrl('y'): case ctrl('p'): case '<Up>': case 'K': case 'Y': pager.back(count ?? 1); return
      case 'd': case ctrl('d'): return this.#further(pager.forward(pager.half(count)))
      case 'u': case ctrl('u'): pager.back(pager.half(count)); return
      case 'g': case '<': case '<Esc><': case '<Home>': pager.toLine(count ?? 1); return 'repaint'
      case 'G': case '>': case '<Esc>>': case '<End>':
        if (count === undefined) pager.toEnd()
        else pager.toLine(count)
        return
      case 'p': case '%': pager.toPercent(count ?? 0); return
      case '<Right>': case '<Esc>)': pager.sideways(count ?? half); return 'repaint'
      case '<Left>': case '<Esc>(': pager.sideways(-(count ?? half)); return 'repaint'
      case 'r': case 'R': case ctrl('l'): case ctrl('r'): return 'repaint'
      case 'F': pager.toEnd(); return 'follow'
      case '=': case ctrl('g'): case ':f': pager.message = pager.status(); return
      case 'h': case 'H': pager.help(); return 'repaint'
      case 'v': return 'edit'
      case 'V': pager.message = 'less 590 (POSIX regular expressions)'; return
      case 'n': case 'N': pager.again(count ?? 1, key === 'N'); return 'repaint'
      case '<Esc>u': pager.toggleHighlight(); return 'repaint'
      case '/': return this.#ask('/', (text) => this.#done(() => pager.search(text, 1, count ?? 1)))
      case '?': return this.#ask('?', (text) => this.#done(() => pager.search(text, -1, count ?? 1)))
      case '&': return this.#ask('&/', (text) => this.#done(() => pager.filter(text)))
      case ':n': pager.open(pager.index + (count ?? 1), 'No next file'); return 'repaint'
      case ':p': pager.open(pager.index - (count ?? 1), 'No previous file'); return 'repaint'
      case ':x': pager.open((count ?? 1) - 1, 'No such file'); return 'repaint'
      case ':d':
        if (pager.files.length < 2) return
        pager.files = pager.files.filter((_, i) => i !== pager.index)
        pager.open(Math.max(0, pager.index - 1), '')
        return 'repaint'
      case '!': case '|': case 's': case ':e': case 'o': case ':t':
        pager.message = `podhop: not simulated: ${key} in less`
        return
    }
    if (key.startsWith('m')) pager.mark(key.slice(1))
    else if (key.startsWith("'")) pager.toMark(key.slice(1))
    else if (/^[-_]/.test(key)) this.#option(key[0] === '-', key.slice(1))
    else return undefined
    return /^[-_]/.test(key) ? undefined : 'repaint'
  }

  #further(moved: boolean): Asked {
    return !moved && this.#pager.options.quitAtEnd && this.#pager.atEnd ? 'quit' : undefined
  }

  #done(work: () => void): Asked {
    work()
    return 'repaint'
  }

  #ask(prompt: string, then: (text: string) => Asked): undefined {
    this.typing = { prompt, text: '', then }
    return undefined
  }

  #type(key: string): Asked {
    const typing = this.typing!
    if (key === '\r' || key === '\n') {
      this.typing = undefined
      return typing.then(typing.text)
    }
    if (key === ctrl('c') || key === ctrl('g') || (key === '<Backspace>' && typing.text === '')) this.typing = undefined
    else if (key === '<Backspace>') typing.text = [...typing.text].slice(0, -1).join('')
    else if (key === ctrl('u')) typing.text = ''
    else if (key === ctrl('w')) typing.text = typing.text.replace(/\S*\s*$/, '')
    else if (!(key.startsWith('<') && key.length > 1)) typing.text += key
    return undefined
  }

  /** `-N` turns an option round, `_N` shows it. */
  #option(change: boolean, letter: string): void {
    const pager = this.#pager
    const { options } = pager
    const flip = (name: 'chop' | 'numbers' | 'raw' | 'squeeze', off: string, on: string): void => {
      if (change) options[name] = !options[name]
      pager.message = options[name] ? on : off
    }
    switch (letter) {
      case 'S': flip('chop', 'Fold long lines', 'Chop long lines'); return
      case 'N':
      case 'n':
        if (change) options.numbers = letter === 'N' && !options.numbers
        pager.message = options.numbers ? 'Constantly display line numbers' : letter === 'N' ? 'Use line numbers' : "Don't use line numbers"
        return
      case 'R': case 'r': flip('raw', 'Display control characters as ^X', 'Display ANSI sequences directly, other control characters as ^X'); return
      case 's': flip('squeeze', 'Display all blank lines', 'Squeeze multiple blank lines'); return
      case 'i':
      case 'I': {
        const wanted = letter === 'i' ? 'small' : 'all'
        if (change) options.ignoreCase = options.ignoreCase === wanted ? 'no' : wanted
        pager.message = options.ignoreCase === 'no' ? 'Case is significant in searches' : options.ignoreCase === 'small' ? 'Ignore case in searches' : 'Ignore case in searches and in patterns'
        return
      }
      case 'm':
      case 'M': {
        const wanted = letter === 'm' ? 'medium' : 'long'
        if (change) options.prompt = options.prompt === wanted ? 'short' : wanted
        pager.message = options.prompt === 'short' ? 'Short prompt' : options.prompt === 'medium' ? 'Medium prompt' : 'Long prompt'
        return
      }
      default:
        pager.message = `There is no ${change ? '-' : '_'}${letter} option`
    }
  }
}
