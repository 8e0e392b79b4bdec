import type { Kubectl } from '../command.ts'
import { KubectlError, PrintError, quote } from '../errors.ts'
import { goJson, sortedGoJson } from '../json.ts'
import { JsonPath, printResults } from '../jsonpath.ts'
import { at, isList, isObject, type JsonObject, list, objectName, text } from '../objects.ts'
import { toYaml } from '../yaml.ts'
import { goText } from './go-template-functions.ts'
import { GoTemplate, TemplateError } from './go-template.ts'

/** -o json|yaml|name|jsonpath…: kubectl's PrintFlags. A printer keeps what it printed before (the "---" of YAML). */
export interface Printer {
  print(object: JsonObject): string
}

const FORMATS = ['json', 'yaml', 'name', 'go-template', 'go-template-file', 'template', 'templatefile', 'jsonpath', 'jsonpath-as-json', 'jsonpath-file']

export interface PrinterOptions {
  /** For the default "kind/name operation". */
  operation?: string
  /** Further formats, for the error's list. */
  alsoAllowed?: readonly string[]
  defaultOutput?: string
  /** Objects made by kubectl itself keep the order of Go's fields in JSON. */
  typed?: boolean
}

export function printerFor(k: Kubectl, options: PrinterOptions = {}): Printer {
  let output = k.flags.string('output')
  const template = k.flags.has('template') ? k.flags.string('template') : ''
  if (template !== '' && !k.flags.changed('output')) output = 'go-template'
  else if (output === '' && options.defaultOutput) output = options.defaultOutput
  const managed = k.flags.has('show-managed-fields') && k.flags.bool('show-managed-fields')
  const prepared = (object: JsonObject): JsonObject => (managed ? object : withoutManagedFields(object))
  switch (output.toLowerCase()) {
    case 'json':
      return { print: (object) => `${(options.typed ? goJson : sortedGoJson)(prepared(object), '    ')}\n` }
    case 'yaml': {
      let count = 0
      return { print: (object) => `${count++ > 0 ? '---\n' : ''}${toYaml(prepared(object))}` }
    }
    case 'name':
      return { print: (object) => names(object, '') }
    case '':
      return { print: (object) => names(object, options.operation ? ` ${options.operation}` : '') }
  }
  // with a template of its own the format has none
  if (template !== '' && /^(?:go-template|template|jsonpath)[\w-]*=/.test(output)) throw new KubectlError(noPrinter(output, [...FORMATS, ...(options.alsoAllowed ?? [])]))
  const jsonpath = /^(jsonpath|jsonpath-as-json|jsonpath-file)(?:=([\s\S]*))?$/.exec(output)
  if (jsonpath) {
    let expression = template || (jsonpath[2] ?? '')
    if (expression === '') throw new KubectlError('template format specified but no template given')
    if (jsonpath[1] === 'jsonpath-file') {
      try {
        expression = k.process.fs.readText(k.process.resolve(expression))
      } catch {
        throw new KubectlError(`error reading --template ${expression}, open ${expression}: no such file or directory`)
      }
    }
    let path: JsonPath
    try {
      path = new JsonPath(expression, { allowMissing: k.flags.bool('allow-missing-template-keys') })
    } catch (error) {
      throw new KubectlError(`error parsing jsonpath ${expression}, ${(error as Error).message}`)
    }
    return {
      print: (object) => {
        try {
          return printResults(path.find(object), jsonpath[1] === 'jsonpath-as-json')
        } catch (error) {
          const why = error instanceof Error ? error.message : ''
          throw new KubectlError(`error executing jsonpath ${quote(expression)}: Error executing template: ${why}. Printing more information for debugging the template:\n\ttemplate was:\n\t\t${expression}\n\tobject given to jsonpath engine was:\n\t\t${goSyntax(object)}\n\n\n`)
        }
      },
    }
  }
  const named = /^(go-template|template|go-template-file|templatefile)(?:=([\s\S]*))?$/.exec(output)
  if (named) return templatePrinter(k, named[1]!.endsWith('file'), template || (named[2] ?? ''))
  throw new KubectlError(noPrinter(output, [...FORMATS, ...(options.alsoAllowed ?? [])]))
}

/** GoTemplatePrinter of cli-runtime. */
function templatePrinter(k: Kubectl, fromFile: boolean, value: string): Printer {
  if (value === '') throw new KubectlError('template format specified but no template given')
  const source = fromFile ? templateFile(k, value) : value
  let template: GoTemplate
  try {
    template = new GoTemplate(source, { allowMissing: k.flags.bool('allow-missing-template-keys') })
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    throw new KubectlError(`error parsing template ${source}, ${error.message}`)
  }
  return {
    print: (object) => {
      const { text: made, error } = template.execute(object)
      if (error === undefined) return made
      throw new PrintError(
        `${made}Error executing template: ${error}. Printing more information for debugging the template:\n\ttemplate was:\n\t\t${source}\n\traw data was:\n\t\t${sortedGoJson(object)}\n\tobject given to template engine was:\n\t\t${goText(object)}\n\n`,
        `error executing template ${quote(source)}: ${error}`,
      )
    },
  }
}

function templateFile(k: Kubectl, path: string): string {
  try {
    return k.process.fs.readText(k.process.resolve(path))
  } catch {
    throw new KubectlError(`error reading --template ${path}, open ${path}: no such file or directory`)
  }
}

export function noPrinter(output: string, allowed: readonly string[]): string {
  return `unable to match a printer suitable for the output format ${quote(output)}, allowed formats are: ${[...allowed].sort().join(',')}`
}

function names(object: JsonObject, suffix: string): string {
  if (isList(object)) return list(object['items']).map((item) => names(item as JsonObject, suffix)).join('')
  return `${objectName(object)}${suffix}\n`
}

export function withoutManagedFields(object: JsonObject): JsonObject {
  if (isList(object)) return { ...object, items: list(object['items']).map((item) => withoutManagedFields(item as JsonObject)) }
  if (at(object, 'metadata', 'managedFields') === undefined) return object
  const metadata = { ...(object['metadata'] as JsonObject) }
  delete metadata['managedFields']
  return { ...object, metadata }
}

/** fmt's %#v of a JSON value. */
export function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return 'interface {}(nil)'
  if (typeof value === 'string') return quote(value)
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`
  if (isObject(value)) return `map[string]interface {}{${Object.keys(value).sort().map((key) => `${quote(key)}:${goSyntax(value[key])}`).join(', ')}}`
  return text(value)
}
