import { encodeUtf8 } from '../text.ts'
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

/**
 * The next value of a stream of JSON values: where it ends, or what is wrong and how many bytes were read until then;
 * undefined when nothing comes any more. Of a value that is cut short encoding/json's Decoder tells no place.
 */
export function readJsonValue(text: string, from: number): { end: number } | { problem: string; offset: number | undefined } | undefined {
  const reader = new Reader(text, from)
  try {
    return reader.value()
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (reader.at >= text.length) return { problem: 'unexpected EOF', offset: undefined }
    return { problem: error.message, offset: encodeUtf8(text.slice(0, reader.at)).length + 1 }
  }
}

class Problem extends Error {}

class Reader {
  readonly #text: string
  #at: number
  constructor(text: string, from = 0) {
    this.#text = text
    this.#at = from
  }

  get at(): number {
    return this.#at
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
  value(): { end: number } | undefined {
    this.#blanks()
    if (this.#at >= this.#text.length) return undefined
    this.#value()
    return { end: this.#at }
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
