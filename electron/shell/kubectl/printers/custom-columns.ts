import { goFormat } from '../../../engine/kubernetes/json.ts'
import { KubectlError, messageOf, PrintError } from '../errors.ts'
import { JsonPath, relaxed } from '../jsonpath.ts'
import { isList, type JsonObject, list } from '../objects.ts'
import { escapeTerminal } from './table.ts'
import { TABLE, TabWriter } from './tabwriter.ts'

/** -o custom-columns=NAME:.metadata.name,… and custom-columns-file. */
export class CustomColumns {
  readonly #columns: readonly { header: string; spec: string }[]
  #paths: readonly JsonPath[] | undefined
  readonly #noHeaders: boolean
  readonly #writer = new TabWriter(TABLE)
  #headersDone = false

  constructor(columns: readonly { header: string; spec: string }[], noHeaders: boolean) {
    this.#columns = columns.map(({ header, spec }) => ({ header, spec: relaxed(spec) }))
    this.#noHeaders = noHeaders
  }

  static fromSpec(spec: string, noHeaders: boolean): CustomColumns {
    if (spec === '') throw new KubectlError('custom-columns format specified but no custom columns given')
    const columns = spec.split(',').map((part) => {
      const colon = part.indexOf(':')
      if (colon < 0) throw new KubectlError(`unexpected custom-columns spec: ${part}, expected <header>:<json-path-expr>`)
      return { header: part.slice(0, colon), spec: part.slice(colon + 1) }
    })
    return new CustomColumns(columns, noHeaders)
  }

  static fromTemplate(template: string): CustomColumns {
    // a last line that is empty is none
    const [first, second] = template.replace(/\n$/, '').split('\n')
    if (!first) throw new KubectlError('invalid template, missing header line. Expected format is one line of space separated headers, one line of space separated column specs.')
    if (second === undefined) throw new KubectlError('invalid template, missing spec line. Expected format is one line of space separated headers, one line of space separated column specs.')
    const headers = first.split(/\s+/).filter((w) => w !== '')
    const specs = second.split(/\s+/).filter((w) => w !== '')
    if (headers.length !== specs.length) throw new KubectlError(`number of headers (${headers.length}) and field specifications (${specs.length}) don't match`)
    return new CustomColumns(headers.map((header, i) => ({ header, spec: specs[i]! })), false)
  }

  print(object: JsonObject): string {
    if (!this.#noHeaders && !this.#headersDone) {
      this.#writer.write(`${this.#columns.map((c) => c.header).join('\t')}\n`)
      this.#headersDone = true
    }
    const paths = (this.#paths ??= this.#parsed())
    for (const item of isList(object) ? list(object['items']) : [object]) {
      const cells = paths.map((path) => {
        const results = path.find(item)
        if (results.length === 0 || results[0]!.length === 0) return '<none>'
        return results.flat().map((v) => escapeTerminal(goFormat(v))).join(',')
      })
      this.#writer.write(`${cells.join('\t')}\n`)
    }
    return this.#writer.flush()
  }

  /** What is wrong with an expression is found when the headers are out. */
  #parsed(): JsonPath[] {
    try {
      return this.#columns.map(({ spec }) => new JsonPath(spec))
    } catch (error) {
      throw new PrintError(this.#writer.flush(), messageOf(error))
    }
  }
}
