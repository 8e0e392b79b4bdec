import { isSystemError, type Process, type Task } from '../../../engine/cluster.ts'
import { TabWriter } from '../../kubectl/printers/tabwriter.ts'
import { Fatal, parseFlags } from './client.ts'

/** `crictl config`: /etc/crictl.yaml, an option a line (cri-tools v1.33, cmd/crictl/config.go and pkg/common/file.go). */
type Kind = 'text' | 'number' | 'bool'
const OPTIONS: readonly (readonly [string, Kind])[] = [['runtime-endpoint', 'text'], ['image-endpoint', 'text'], ['timeout', 'number'], ['debug', 'bool'], ['pull-image-on-create', 'bool'], ['disable-pull-on-run', 'bool']]
const LINE = /^([\w-]+):\s*(.*)$/

/** Go's strconv.ParseBool. */
function bool(text: string): string | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return 'true'
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? 'false' : undefined
}

function read(text: string): Map<string, string> {
  const values = new Map<string, string>(OPTIONS.map(([name, kind]) => [name, kind === 'text' ? '' : kind === 'number' ? '0' : 'false']))
  for (const line of text.split('\n')) {
    const [, name, value] = LINE.exec(line) ?? []
    if (name === undefined) continue
    if (!values.has(name)) throw new Fatal(`load config file: Config option '${name}' is not valid`)
    values.set(name, value!.replace(/^(["'])(.*)\1$/, '$2'))
  }
  return values
}

/** The text with every option's value; comments and order stay. */
function written(text: string, values: ReadonlyMap<string, string>): string {
  const lines = text.split('\n').filter((line, i, all) => line !== '' || i < all.length - 1)
  for (const [name, kind] of OPTIONS) {
    const value = values.get(name)!
    const line = `${name}: ${kind === 'text' && value === '' ? '""' : value}`
    const at = lines.findIndex((l) => LINE.exec(l)?.[1] === name)
    if (at >= 0) lines[at] = line
    else lines.push(line)
  }
  return `${lines.join('\n')}\n`
}

function set(values: Map<string, string>, key: string, value: string): void {
  const kind = OPTIONS.find(([name]) => name === key)?.[1]
  if (kind === undefined) throw new Fatal(`no configuration option named ${key}`)
  if (kind === 'number' && !/^[+-]?\d+$/.test(value)) throw new Fatal(`parse ${key} value '${value}': strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`)
  const given = kind === 'bool' ? bool(value) : value
  if (given === undefined) throw new Fatal(`parse ${key} value '${value}': strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`)
  values.set(key, kind === 'number' ? String(Number(given)) : given)
}

/** False: its help is wanted. */
export function* config(process: Process, path: string, words: readonly string[], note: (message: string) => string): Task<boolean> {
  const flags = parseFlags(words, 'get= set= list')
  const text = process.fs.exists(path) ? process.fs.readText(path) : written('', read(''))
  const values = read(text)
  const save = (): void => {
    try {
      process.fs.writeFile(path, written(text, values))
    } catch (error) {
      if (!isSystemError(error)) throw error
      throw new Fatal(`open ${path}: permission denied`)
    }
  }
  const get = flags.value('get')
  if (get !== undefined) {
    if (!values.has(get)) throw new Fatal(`no configuration option named ${get}`)
    yield* process.print(`${values.get(get)!}\n`)
    return true
  }
  const settings = flags.values('set')
  if (settings.length > 0) {
    for (const setting of settings.flatMap((s) => s.split(','))) {
      const pair = setting.split('=')
      if (pair.length !== 2) throw new Fatal(`incorrectly specified option: ${setting}`)
      set(values, pair[0]!, pair[1]!)
    }
    save()
    return true
  }
  if (flags.has('list')) {
    const table = new TabWriter({ minWidth: 20, padding: 3 })
    for (const row of [['KEY', 'VALUE'], ...OPTIONS.map(([name]) => [name, values.get(name)!])]) table.write(`${row.join('\t')}\n`)
    yield* process.print(`\x1b[2J\x1b[H${table.flush()}`)
    return true
  }
  const [key, value = ''] = flags.args
  if (key === undefined) return false
  yield* process.printError(note(`No --get, --set or --list provided, setting key "${key}" to value "${value}"`))
  try {
    set(values, key, value)
  } catch (error) {
    if (error instanceof Fatal) throw new Fatal(`set "${key}" to "${value}": ${error.message}`)
    throw error
  }
  save()
  return true
}
