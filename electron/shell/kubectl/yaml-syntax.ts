import { Scanner, type TokenType, YamlSyntaxError } from './yaml-scanner.ts'

/** What go-yaml would say about text that is no YAML ("line 3: did not find expected key"), or undefined when it is. */
export function yamlError(content: string): string | undefined {
  if (/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(content)) return 'control characters are not allowed'
  try {
    new Grammar(content).document()
    return undefined
  } catch (error) {
    if (error instanceof YamlSyntaxError) return error.message
    throw error
  }
}

/** libyaml's grammar over its tokens, without making anything of them. Only the first document is read. */
class Grammar {
  readonly #scanner: Scanner
  readonly #anchors = new Set<string>()

  constructor(content: string) {
    this.#scanner = new Scanner(content)
  }

  #is(...types: TokenType[]): boolean {
    return types.includes(this.#scanner.peek().type)
  }
  #take(type: TokenType): boolean {
    if (!this.#is(type)) return false
    this.#scanner.skip()
    return true
  }
  #fail(problem: string): never {
    throw new YamlSyntaxError(problem, this.#scanner.peek().line)
  }

  document(): void {
    if (this.#is('stream-end')) return
    if (this.#is('directive', 'document-start')) {
      while (this.#take('directive'));
      if (!this.#take('document-start')) this.#fail('did not find expected <document start>')
      if (this.#is('directive', 'document-start', 'document-end', 'stream-end')) return
    }
    this.#node(true, false)
    this.#scanner.peek()
  }

  #node(block: boolean, indentless: boolean): void {
    const token = this.#scanner.peek()
    if (token.type === 'alias') {
      if (!this.#anchors.has(token.text!)) throw new YamlSyntaxError(`unknown anchor '${token.text!}' referenced`, 0)
      this.#scanner.skip()
      return
    }
    let decorated = false
    let anchor: string | undefined
    for (let i = 0; i < 2; i++) {
      if (this.#is('anchor')) anchor = this.#scanner.skip().text
      else if (!this.#take('tag')) break
      decorated = true
    }
    if (anchor !== undefined) this.#anchors.add(anchor)
    if (indentless && this.#is('block-entry')) return this.#indentlessSequence()
    if (this.#take('scalar')) return
    if (this.#take('flow-sequence-start')) return this.#flowSequence()
    if (this.#take('flow-mapping-start')) return this.#flowMapping()
    if (block && this.#take('block-sequence-start')) return this.#blockSequence()
    if (block && this.#take('block-mapping-start')) return this.#blockMapping()
    if (!decorated) this.#fail('did not find expected node content')
  }

  #blockSequence(): void {
    while (!this.#take('block-end')) {
      if (!this.#take('block-entry')) this.#fail("did not find expected '-' indicator")
      if (!this.#is('block-entry', 'block-end')) this.#node(true, false)
    }
  }
  #indentlessSequence(): void {
    while (this.#take('block-entry')) if (!this.#is('block-entry', 'key', 'value', 'block-end')) this.#node(true, false)
  }
  #blockMapping(): void {
    while (!this.#take('block-end')) {
      if (!this.#take('key')) this.#fail('did not find expected key')
      if (!this.#is('key', 'value', 'block-end')) this.#node(true, true)
      if (this.#take('value') && !this.#is('key', 'value', 'block-end')) this.#node(true, true)
    }
  }
  #flowSequence(): void {
    for (let first = true; !this.#take('flow-sequence-end'); first = false) {
      if (!first && !this.#take('flow-entry')) this.#fail("did not find expected ',' or ']'")
      if (this.#take('key')) {
        if (!this.#is('value', 'flow-entry', 'flow-sequence-end')) this.#node(false, false)
        if (this.#take('value') && !this.#is('flow-entry', 'flow-sequence-end')) this.#node(false, false)
      } else if (!this.#is('flow-sequence-end')) this.#node(false, false)
    }
  }
  #flowMapping(): void {
    for (let first = true; !this.#take('flow-mapping-end'); first = false) {
      if (!first && !this.#take('flow-entry')) this.#fail("did not find expected ',' or '}'")
      if (this.#take('key')) {
        if (!this.#is('value', 'flow-entry', 'flow-mapping-end')) this.#node(false, false)
        if (this.#take('value') && !this.#is('flow-entry', 'flow-mapping-end')) this.#node(false, false)
      } else if (!this.#is('flow-mapping-end')) this.#node(false, false)
    }
  }
}
