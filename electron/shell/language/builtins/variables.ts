import type { Task } from '../../../engine/machine/task.ts'
import { Exit, ExpansionError } from '../errors.ts'
import { printFunction } from '../print.ts'
import { describeVariable } from '../declarations.ts'
import { doubleQuote, quoteIfNeeded } from '../quote.ts'
import type { Shell } from '../shell.ts'
import { ReadonlyError } from '../variables.ts'
import { builtin, letters, textBuiltin, usage, type Argument } from './table.ts'
import { setOptions } from './options.ts'

const NAME = /^[A-Za-z_]\w*$/

interface Attributes { letters: Set<string>; off: Set<string> }

function* declareOne(shell: Shell, command: string, arg: Argument, attributes: Attributes, local: boolean): Task<boolean> {
  const name = typeof arg === 'string' ? arg.replace(/=.*$/s, '').replace(/\+$/, '').replace(/\[.*\]$/, '') : arg.name
  if (!NAME.test(name)) {
    yield* shell.error(`${command}: \`${arg}': not a valid identifier`)
    return false
  }
  const { letters: on, off } = attributes
  const given = typeof arg === 'string' ? (arg.includes('=') ? { value: arg.slice(arg.indexOf('=') + 1), append: arg.includes('+=') } : {}) : arg
  try {
    if (local) {
      if (shell.variables.find(name)?.readonly) {
        yield* shell.error(`${command}: ${name}: readonly variable`)
        return false
      }
      shell.variables.local(name)
    }
    if (on.has('n') || off.has('n')) return yield* reference(shell, command, name, 'value' in given ? given.value : undefined, off.has('n'))
    const existing = shell.variables.find(name)
    if (existing?.readonly && ('value' in given || 'items' in given)) {
      yield* shell.error(`${command === 'local' || command === 'declare' || command === 'typeset' ? `${command}: ` : ''}${name}: readonly variable`)
      return false
    }
    const variable = existing ?? shell.variables.writable(name)
    if (on.has('i')) variable.integer = true
    if (off.has('i')) variable.integer = false
    for (const [letter, key] of [['c', 'capital'], ['l', 'lower'], ['u', 'upper']] as const) {
      if (on.has(letter)) {
        variable.capital = variable.lower = variable.upper = undefined
        variable[key] = true
      }
      if (off.has(letter)) variable[key] = undefined
    }
    if ((on.has('a') && variable.table) || (on.has('A') && variable.array)) {
      yield* shell.error(`${command}: ${name}: cannot convert ${variable.table ? 'associative to indexed' : 'indexed to associative'} array`)
      return false
    }
    if ((off.has('a') && variable.array) || (off.has('A') && variable.table)) {
      yield* shell.error(`${command}: ${name}: cannot destroy array variables in this way`)
      return false
    }
    if (on.has('a') && !variable.array) {
      variable.array = new Map(variable.value === undefined ? [] : [[0, variable.value]])
      variable.value = undefined
      variable.unassigned = true
    }
    if (on.has('A') && !variable.table) {
      variable.table = new Map()
      variable.unassigned = true
    }
    if ('items' in given && given.items) shell.executor.assignArray(name, given.items, given.append ?? false)
    else if ('value' in given && given.value !== undefined) shell.assign(name, given.value, 'index' in given ? given.index : undefined, given.append ?? false)
    if (on.has('x')) shell.variables.export(name)
    if (off.has('x')) shell.variables.export(name, false)
    if (on.has('r')) shell.variables.writable(name).readonly = true
    return true
  } catch (error) {
    if (error instanceof ReadonlyError) {
      if (on.has('r') && !('value' in given)) return true
      yield* shell.error(`${name}: readonly variable`)
      return false
    }
    if (error instanceof ExpansionError && !error.fatal) {
      yield* shell.error(`${command}: ${error.message}`)
      return false
    }
    throw error
  }
}

/** `declare -n name=target`, `declare +n name`. */
function* reference(shell: Shell, command: string, name: string, target: string | undefined, off: boolean): Task<boolean> {
  const { variables } = shell
  const own = variables.own(name)
  if (off) {
    if (own) own.reference = undefined
    return true
  }
  const to = target ?? (own?.reference ? own.value : own?.value)
  if (to === name && command === 'local') {
    yield* shell.error(`local: warning: ${name}: circular name reference`)
    yield* shell.error(`warning: ${name}: circular name reference`)
    return true
  }
  if (to === name) {
    yield* shell.error(`${command}: ${name}: nameref variable self references not allowed`)
    return false
  }
  if (to !== undefined && to !== '' && !/^[A-Za-z_]\w*(\[.*\])?$/s.test(to)) {
    yield* shell.error(`${command}: \`${to}': invalid variable name for name reference`)
    return false
  }
  variables.replace(name, { ...own, array: undefined, table: undefined, value: to, reference: true })
  return true
}

function* declare(shell: Shell, command: string, args: Argument[], base: string): Task<number> {
  const attributes: Attributes = { letters: new Set(base), off: new Set() }
  let i = 0
  for (; i < args.length; i++) {
    const arg = args[i]!
    if (typeof arg !== 'string' || !/^[-+]./.test(arg)) break
    if (arg === '--') {
      i++
      break
    }
    for (const letter of arg.slice(1)) {
      const known = command === 'export' ? 'fnp' : command === 'readonly' ? 'aAfp' : 'aAcfFgiIlnprtux'
      if (!known.includes(letter)) {
        const forms = command === 'export' ? '[-fn] [name[=value] ...] or export -p' : command === 'readonly' ? '[-aAf] [name[=value] ...] or readonly -p' : command === 'local' ? '[option] name[=value] ...' : '[-aAfFgiIlnrtux] [name[=value] ...] or declare -p [-aAfFilnrtux] [name ...]'
        return yield* usage(shell, command, arg[0]! + letter, `${command} ${forms}`)
      }
      if (command === 'export' && letter === 'n') {
        attributes.letters.delete('x')
        attributes.off.add('x')
      } else (arg[0] === '-' ? attributes.letters : attributes.off).add(letter)
    }
  }
  const rest = args.slice(i)
  const on = attributes.letters
  if (on.has('f') && (command === 'export' || command === 'readonly' || on.has('x') || on.has('r')) && rest.length > 0) return yield* markFunctions(shell, command, rest.map(String), on, attributes.off)
  if (on.has('f') || on.has('F')) return yield* showFunctions(shell, rest.map(String), on.has('F'), on.has('x') && command === 'export')
  if (on.has('p') || rest.length === 0) return yield* show(shell, command, rest.map(String), on, base)
  const local = command === 'local' || ((command === 'declare' || command === 'typeset') && shell.variables.inFunction && !on.has('g'))
  let code = 0
  for (const arg of rest) if (!(yield* declareOne(shell, command, arg, attributes, local))) code = 1
  return code
}

/** `export -f`, `readonly -f`: functions go to child processes through the environment as bash puts them there. */
function* markFunctions(shell: Shell, command: string, names: string[], on: Set<string>, off: Set<string>): Task<number> {
  let code = 0
  for (const name of names) {
    const definition = shell.functions.get(name)
    if (!definition) {
      yield* shell.error(`${command}: ${name}: not a function`)
      code = 1
      continue
    }
    if (command === 'readonly' || on.has('r')) shell.readonlyFunctions.add(name)
    else if (off.has('x')) shell.process.env.delete(`BASH_FUNC_${name}%%`)
    else shell.process.env.set(`BASH_FUNC_${name}%%`, printFunction(definition).slice(name.length + 1).replace(/^\(\) \n\{ \n/, '() {  '))
  }
  return code
}

function* showFunctions(shell: Shell, names: string[], namesOnly: boolean, exported = false): Task<number> {
  let code = 0
  if (exported) {
    for (const name of [...shell.functions.keys()].sort()) if (shell.process.env.has(`BASH_FUNC_${name}%%`)) yield* shell.process.print(`${printFunction(shell.functions.get(name)!)}\ndeclare -fx ${name}\n`)
    return 0
  }
  for (const name of names.length > 0 ? names : [...shell.functions.keys()].sort()) {
    const definition = shell.functions.get(name)
    if (!definition) code = 1
    else yield* shell.process.print(namesOnly ? (names.length > 0 ? `${name}\n` : `declare -f ${name}\n`) : `${printFunction(definition)}\n`)
  }
  return code
}

function* show(shell: Shell, command: string, names: string[], on: Set<string>, base: string): Task<number> {
  const { variables, process } = shell
  if (names.length > 0) {
    let code = 0
    for (const name of names) {
      const variable = variables.own(name)
      const computed = variables.computed.get(name)
      if (variable) yield* process.print(describeVariable(name, variable) + '\n')
      else if (shell.dynamicArray(name)) yield* process.print(`declare -a ${name}=(${shell.dynamicArray(name)!.map((v, k) => `[${k}]=${doubleQuote(v)}`).join(' ')})\n`)
      else if (computed) yield* process.print(`declare -- ${name}=${doubleQuote(computed() ?? '')}\n`)
      else {
        yield* shell.error(`${command}: ${name}: not found`)
        code = 1
      }
    }
    return code
  }
  for (const name of command === 'local' ? variables.localNames() : variables.names()) {
    const variable = variables.own(name)
    if (!variable) continue
    if (on.has('x') && !variable.exported) continue
    if (on.has('r') && !variable.readonly) continue
    if (on.has('a') && !variable.array) continue
    if (on.has('A') && !variable.table) continue
    if (on.has('i') && !variable.integer) continue
    if (on.has('n') && !variable.reference) continue
    if (shell.flavour !== 'bash') yield* process.print(`${base === 'x' ? 'export' : 'readonly'} ${name}='${variable.value ?? ''}'\n`)
    else if (on.size > 0 || base !== '' || command === 'local') yield* process.print(describeVariable(name, variable) + '\n')
    else if (variable.value !== undefined) yield* process.print(`${name}=${quoteIfNeeded(variable.value)}\n`)
  }
  return 0
}

builtin('declare typeset', (shell, args) => declare(shell, 'declare', args, ''))
builtin('export', (shell, args) => declare(shell, 'export', args, 'x'))
builtin('readonly', (shell, args) => declare(shell, 'readonly', args, 'r'))
builtin('local', function* (shell, args) {
  if (!shell.variables.inFunction) {
    yield* shell.error(shell.flavour === 'dash' ? 'local: not in a function' : 'local: can only be used in a function')
    return shell.flavour === 'bash' ? 1 : 2
  }
  return yield* declare(shell, 'local', args, '')
})

textBuiltin('unset', function* (shell, args) {
  const { options, rest, bad } = letters(args, 'fvn')
  if (bad) return yield* usage(shell, 'unset', bad, 'unset [-f] [-v] [-n] [name ...]')
  let code = 0
  for (const name of rest) {
    const element = /^([A-Za-z_]\w*)\[(.*)\]$/s.exec(name)
    try {
      if (options.has('n')) shell.variables.unsetReference(name)
      else if (options.has('f')) removeFunction(shell, name)
      else if (element) {
        const variable = shell.variables.find(element[1]!)
        if (variable?.table) variable.table.delete(element[2]!)
        else if (element[2] === '@' || element[2] === '*') shell.variables.unset(element[1]!)
        else variable?.array?.delete(shell.expander.arrayIndex(element[1]!, element[2]!))
      } else if (!NAME.test(name) && options.has('v')) {
        yield* shell.error(`unset: \`${name}': not a valid identifier`)
        code = 1
      } else if (shell.variables.find(name) || shell.variables.computed.has(name)) shell.variables.unset(name)
      else if (!options.has('v')) removeFunction(shell, name)
    } catch (error) {
      if (!(error instanceof ReadonlyError)) throw error
      yield* shell.error(`unset: ${name}: cannot unset: readonly ${shell.readonlyFunctions.has(name) && !shell.variables.find(name) ? 'function' : 'variable'}`)
      code = 1
    }
  }
  return code
})

/** Throws ReadonlyError. */
function removeFunction(shell: Shell, name: string): void {
  if (shell.readonlyFunctions.has(name)) throw new ReadonlyError(name)
  shell.functions.delete(name)
}

textBuiltin('set', function* (shell, args) {
  if (args.length === 0) {
    for (const name of shell.variables.names()) {
      const variable = shell.variables.find(name)!
      if (variable.value !== undefined) yield* shell.process.print(`${name}=${quoteIfNeeded(variable.value)}\n`)
      else if (variable.array || variable.table) yield* shell.process.print(describeVariable(name, variable).replace(/^declare -\S+ /, '') + '\n')
    }
    return 0
  }
  return yield* setOptions(shell, args)
})

textBuiltin('shift', function* (shell, args) {
  const text = args[0] ?? '1'
  if (args.length > 1 && shell.flavour === 'bash') {
    yield* shell.error('shift: too many arguments')
    throw new Exit(1)
  }
  if (!/^\d+$/.test(text)) {
    yield* shell.error(`shift: ${text}: ${/^-\d+$/.test(text) ? 'shift count out of range' : 'numeric argument required'}`)
    return 1
  }
  const count = Number(text)
  if (count > shell.positional.length) {
    if (shell.flavour === 'dash') yield* shell.error("shift: can't shift that many")
    return shell.flavour === 'dash' ? 2 : 1
  }
  shell.positional = shell.positional.slice(count)
  return 0
})

textBuiltin('let', function* (shell, args) {
  if (args.length === 0) {
    yield* shell.error('let: expression expected')
    return 1
  }
  let value = 0n
  try {
    for (const arg of args) value = shell.expander.evaluate(arg, 'let: ')
  } catch (error) {
    if (!(error instanceof ExpansionError) || error.fatal) throw error
    yield* shell.error(error.message)
    return 1
  }
  return value === 0n ? 1 : 0
})

textBuiltin('getopts', function* (shell, args) {
  const [spec, name, ...given] = args
  if (spec === undefined || name === undefined) {
    yield* shell.process.printError('getopts: usage: getopts optstring name [arg ...]\n')
    return 2
  }
  if (!NAME.test(name)) {
    yield* shell.error(`getopts: \`${name}': not a valid identifier`)
    return 1
  }
  const list = given.length > 0 ? given : shell.positional
  const errors = shell.variables.get('OPTERR') !== '0'
  let index = Number(shell.variables.get('OPTIND') ?? '1') || 1
  if (index !== shell.optionState.index) shell.optionState = { index, offset: 1 }
  let { offset } = shell.optionState
  const silent = spec.startsWith(':')
  const finish = (letter: string, code: number): number => {
    shell.optionState = { index, offset }
    shell.variables.set('OPTIND', String(index))
    shell.variables.set(name, letter)
    return code
  }
  const arg = list[index - 1]
  if (arg === undefined || !/^-./.test(arg) || arg === '--') {
    if (arg === '--') index++
    offset = 1
    if (shell.variables.find('OPTARG')) shell.variables.unset('OPTARG')
    return finish('?', 1)
  }
  const letter = arg[offset]!
  offset++
  const at = letter === ':' ? -1 : spec.indexOf(letter, silent ? 1 : 0)
  const wants = at >= 0 && spec[at + 1] === ':'
  const rest = arg.slice(offset)
  if (rest === '' || wants) {
    index++
    offset = 1
  }
  if (shell.variables.find('OPTARG')) shell.variables.unset('OPTARG')
  if (at < 0) {
    if (silent) shell.variables.set('OPTARG', letter)
    else if (errors) yield* shell.process.printError(`${shell.name}: illegal option -- ${letter}\n`)
    return finish('?', 0)
  }
  if (!wants) return finish(letter, 0)
  if (rest !== '') shell.variables.set('OPTARG', rest)
  else if (index <= list.length) shell.variables.set('OPTARG', list[index++ - 1]!)
  else {
    if (silent) {
      shell.variables.set('OPTARG', letter)
      return finish(':', 0)
    }
    if (errors) yield* shell.process.printError(`${shell.name}: option requires an argument -- ${letter}\n`)
    return finish('?', 0)
  }
  return finish(letter, 0)
})
