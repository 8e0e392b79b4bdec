import { quote } from './json.ts'

/** What Go's encoding/json says about text that is no JSON, or undefined when it is. */
export function jsonError(text: string): string | undefined {
  try {
    new Reader(text).whole()
    return undefined
  } catch (error) {
    if (error instanceof Problem) return error.message
    throw error
  }
}

class Problem extends Error {}

class Reader {
  readonly #text: string
  #at = 0
  constructor(text: string) {
    this.#text = text
  }

  #fail(where: string): never {
    const c = this.#text[this.#at]
    if (c === undefined) throw new Problem('unexpected end of JSON input')
    const shown = c === "'" ? `'\\''` : c === '"' ? `'"'` : `'${quote(c).slice(1, -1)}'`
    throw new Problem(`invalid character ${shown} ${where}`)
  }
  #blanks(): void {
    while (/^[ \t\r\n]$/.test(this.#text[this.#at] ?? '')) this.#at++
  }

  whole(): void {
    this.#value()
    this.#blanks()
    if (this.#at < this.#text.length) this.#fail('after top-level value')
  }
  #value(): void {
    this.#blanks()
    const c = this.#text[this.#at]
    if (c === '{') return this.#object()
    if (c === '[') return this.#array()
    if (c === '"') return this.#string()
    const word = c === 't' ? 'true' : c === 'f' ? 'false' : c === 'n' ? 'null' : undefined
    if (word) return this.#word(word)
    const number = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/.exec(this.#text.slice(this.#at))
    if (!number) this.#fail('looking for beginning of value')
    this.#at += number[0].length
  }
  #word(word: string): void {
    for (let i = 0; i < word.length; i++, this.#at++) {
      if (this.#text[this.#at] !== word[i]) this.#fail(`in literal ${word} (expecting '${word[i]}')`)
    }
  }
  #string(): void {
    this.#at++
    for (; this.#text[this.#at] !== '"'; this.#at++) {
      const c = this.#text[this.#at]
      if (c === undefined || c < ' ') this.#fail('in string literal')
      if (c === '\\') {
        this.#at++
        if (!/^["\\/bfnrtu]$/.test(this.#text[this.#at] ?? '')) this.#fail('in string escape code')
      }
    }
    this.#at++
  }
  #object(): void {
    this.#at++
    this.#blanks()
    if (this.#text[this.#at] === '}') return void this.#at++
    for (;;) {
      this.#blanks()
      if (this.#text[this.#at] !== '"') this.#fail('looking for beginning of object key string')
      this.#string()
      this.#blanks()
      if (this.#text[this.#at] !== ':') this.#fail('after object key')
      this.#at++
      this.#value()
      this.#blanks()
      if (this.#text[this.#at] === '}') return void this.#at++
      if (this.#text[this.#at] !== ',') this.#fail('after object key:value pair')
      this.#at++
    }
  }
  #array(): void {
    this.#at++
    this.#blanks()
    if (this.#text[this.#at] === ']') return void this.#at++
    for (;;) {
      this.#value()
      this.#blanks()
      if (this.#text[this.#at] === ']') return void this.#at++
      if (this.#text[this.#at] !== ',') this.#fail('after array element')
      this.#at++
    }
  }
}
