import { LineCounter, parseAllDocuments, parseDocument, isMap, isNode, type Document } from 'yaml'
import type { z } from 'zod'
import { parseClusterConfig, parseReference, type DeclaredImage } from '../engine/cluster.ts'
import { declaredImage, imageSchema } from './images.ts'
import { labSchema, type Lab, type LabDefinition, type LabProblem } from './model.ts'
import { keysAt, nearest } from './nearest.ts'
import { parseTranscripts } from './transcript.ts'

/** Limits for what comes from outside (design 7). */
export const LIMITS = { files: 500, bytesPerFile: 1_000_000, bytesPerLab: 5_000_000 }

/**
 * Reads a lab from the files of its folder, by path ("lab.yaml", "steps/1.md"). All mistakes are found, not the
 * first alone; each names file, line and what was expected.
 */
export function loadLab(folder: string, files: ReadonlyMap<string, string>): { lab: Lab } | { problems: LabProblem[] } {
  const source = files.get('lab.yaml')
  if (source === undefined) return { problems: [{ file: 'lab.yaml', line: 1, column: 1, message: 'not found; expected the lab\'s description' }] }
  const read = readYaml('lab.yaml', source)
  if ('problems' in read) return read
  const problems: LabProblem[] = []
  const problemAt = (path: readonly PropertyKey[], message: string): void => {
    problems.push(read.problem(path, message))
  }
  const parsed = labSchema.safeParse(read.value)
  if (!parsed.success) {
    for (const issue of parsed.error.issues) for (const { path, message } of explain(issue, labSchema, read.value)) problemAt(path, message)
    return { problems }
  }
  const definition = parsed.data
  if (definition.id !== folder) problemAt(['id'], `is "${definition.id}", expected the folder's name "${folder}"`)
  try {
    parseClusterConfig(definition.cluster, 'cluster')
  } catch (error) {
    // one line for each mistake; the path is said already
    for (const line of (error as Error).message.split('\n')) problemAt(['cluster'], line.replace(/^cluster: /, ''))
  }
  checkFiles(definition, files, problemAt)
  checkNames(definition, problemAt)
  const images = readImages(definition, files, problems)
  checkManifests(definition, files, problems)
  for (const name of ['solution.txtar', 'wrong.txtar'] as const) {
    const text = files.get(name)
    if (text === undefined) problems.push({ file: name, line: 1, column: 1, message: 'not found; a lab is tested by it' })
    else problems.push(...parseTranscripts(name, text, definition).problems)
  }
  return problems.length > 0 ? { problems } : { lab: { definition, files, images } }
}

const yamlProblem = (error: Error): string => `not YAML: ${error.message.split('\n')[0]!.replace(/ at line .*$/, '')}`

interface YamlFile { value: unknown; problem(path: readonly PropertyKey[], message: string): LabProblem }

/** How deep YAML of a lab may be nested: the parser takes its time for what is deeper. */
const DEPTH = 200

function isTooDeep(source: string): boolean {
  let depth = 0
  for (let i = 0; i < source.length && depth <= DEPTH; i++) {
    const c = source[i]
    if (c === '[' || c === '{') depth++
    else if ((c === ']' || c === '}') && depth > 0) depth--
  }
  return depth > DEPTH || /(?:[-?:][ \t]+){200}/.test(source)
}

const tooDeep = (file: string): LabProblem => ({ file, line: 1, column: 1, message: 'expected YAML nested less deep' })

function readYaml(file: string, source: string): YamlFile | { problems: LabProblem[] } {
  if (isTooDeep(source)) return { problems: [tooDeep(file)] }
  const counter = new LineCounter()
  const document = parseDocument(source, { lineCounter: counter, strict: true, uniqueKeys: true, logLevel: 'silent' })
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = counter.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  if (document.errors.length > 0) {
    return { problems: document.errors.map((e) => ({ file, ...at(e.pos[0]), message: yamlProblem(e) })) }
  }
  try {
    return { value: document.toJS({ maxAliasCount: 50 }), problem: (path, message) => ({ file, ...at(offsetOf(document, path)), message: `${pathText(path) || (file === 'lab.yaml' ? 'lab' : 'image')}: ${message}` }) }
  } catch (error) {
    return { problems: [{ file, line: 1, column: 1, message: `expected fewer YAML aliases: ${(error as Error).message}` }] }
  }
}

/** What the cluster is given must be YAML that names its kind; what is wrong inside, `lab test` says in kubectl's words. */
function checkManifests(definition: LabDefinition, files: ReadonlyMap<string, string>, problems: LabProblem[]): void {
  for (const file of new Set([...definition.setup, ...definition.steps.flatMap((step) => step.setup)])) {
    if (isTooDeep(files.get(file) ?? '')) {
      problems.push(tooDeep(file))
      continue
    }
    const counter = new LineCounter()
    const documents = parseAllDocuments(files.get(file) ?? '', { lineCounter: counter, logLevel: 'silent' })
    const problem = (offset: number, message: string): void => {
      const { line, col } = counter.linePos(offset)
      problems.push({ file, line: Math.max(1, line), column: Math.max(1, col), message })
    }
    for (const document of Array.isArray(documents) ? documents : []) {
      const { contents, errors } = document
      for (const e of errors) problem(e.pos[0], yamlProblem(e))
      if (errors.length > 0 || contents === null) continue
      if (!isMap(contents)) problem(contents.range[0], 'expected a Kubernetes object')
      else for (const key of ['apiVersion', 'kind']) if (typeof contents.get(key) !== 'string') problem(contents.range![0], `${key}: missing; expected string`)
    }
  }
}

/** The images that the lab brings along; what is wrong with them goes to `problems`. */
function readImages(definition: LabDefinition, files: ReadonlyMap<string, string>, problems: LabProblem[]): DeclaredImage[] {
  const images: DeclaredImage[] = []
  for (const file of definition.images) {
    const source = files.get(file)
    if (source === undefined) continue
    const read = readYaml(file, source)
    if ('problems' in read) {
      problems.push(...read.problems)
      continue
    }
    const parsed = imageSchema.safeParse(read.value)
    if (!parsed.success) for (const issue of parsed.error.issues) for (const { path, message } of explain(issue, imageSchema, read.value, ['http', 'tcp', 'sctp', 'udp'])) problems.push(read.problem(path, message))
    else if (images.some((image) => parseReference(image.name).canonical === parseReference(parsed.data.name).canonical)) problems.push(read.problem(['name'], `"${parsed.data.name}" is declared twice`))
    else images.push(declaredImage(parsed.data))
  }
  return images
}

function checkFiles(definition: LabDefinition, files: ReadonlyMap<string, string>, problemAt: (path: PropertyKey[], message: string) => void): void {
  const need = (path: PropertyKey[], name: string): void => {
    if (!files.has(name)) problemAt(path, `no file "${name}" in the lab's folder`)
  }
  definition.setup.forEach((name, i) => need(['setup', i], name))
  definition.files.forEach((name, i) => need(['files', i], name))
  definition.images.forEach((name, i) => need(['images', i], name))
  definition.steps.forEach((step, i) => {
    need(['steps', i, 'text'], step.text)
    step.setup.forEach((name, k) => need(['steps', i, 'setup', k], name))
  })
}

function checkNames(definition: LabDefinition, problemAt: (path: PropertyKey[], message: string) => void): void {
  const known = new Set<string>()
  definition.steps.forEach((step, i) =>
    step.checks.forEach((check, k) => {
      const path = ['steps', i, 'checks', k]
      if (known.has(check.id)) problemAt([...path, 'id'], `"${check.id}" is the id of another check`)
      const named = [...check.needs, ...(check.kind === 'still' ? check.checks : [])]
      for (const name of named) if (!known.has(name)) problemAt([...path, check.kind === 'still' ? 'checks' : 'needs'], `no earlier check "${name}"`)
      known.add(check.id)
    }),
  )
}

function explain(issue: z.core.$ZodIssue, schema: z.core.$ZodType, value: unknown, kinds = ['resource', 'journey', 'dns', 'trace', 'file', 'quiz', 'port-forward', 'still']): { path: PropertyKey[]; message: string }[] {
  const path = [...issue.path]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const meant = nearest(key, keysAt(schema, path, value))
        return { path: [...path, key], message: `unknown key${meant === undefined ? '' : `; did you mean ${meant}?`}` }
      })
    case 'invalid_value':
      return [{ path, message: `expected ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map((v) => String(v)).join(', ')}` }]
    case 'invalid_union':
      return [{ path, message: issue.discriminator ? `expected one of ${kinds.join(', ')}` : issue.message }]
    case 'invalid_type':
      return [{ path, message: `${issue.message.includes('received undefined') ? 'missing; ' : ''}expected ${KINDS[issue.expected] ?? issue.expected}` }]
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? issue.message }]
    default:
      return [{ path, message: issue.message }]
  }
}

/** YAML's words for what zod expects. */
const KINDS: Readonly<Record<string, string>> = { array: 'a list', object: 'a mapping (key: value)', record: 'a mapping (key: value)', int: 'a whole number' }

function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) {
      if (length === 0) return node.range[0]
      // for a map's value the key's line says more than where the value begins
      return node.range[0]
    }
  }
  return 0
}

function pathText(path: readonly PropertyKey[]): string {
  let out = ''
  for (const part of path) out += typeof part === 'number' ? `[${part}]` : part === '' ? '""' : out ? `.${String(part)}` : String(part)
  return out
}
