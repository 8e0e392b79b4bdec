import type { ASTNode } from '@marcbachmann/cel-js'
import type { Positions } from './issues.ts'
import { BOOL, type CelType, DYN, ERROR, formatType, INT, isWild, listOf, mapOf, optionalOf } from './types.ts'

/** The macros: cel-go's parser/macro.go, its optionals, and ext's comprehensions of two variables, by what they expand to. */
type Call = ASTNode & { op: 'call' | 'rcall' }

/** What macros ask of the checker. */
export interface Checking {
  readonly at: Positions
  check(node: ASTNode): CelType
  wrong(at: number, message: string): CelType
  within<T>(locals: readonly (readonly [string, CelType])[], check: () => T): T
  resolved(type: CelType): CelType
  fits(given: CelType, wanted: CelType): boolean
  call(at: number, name: string, given: readonly CelType[], member?: boolean): CelType
  field(of: CelType, name: string, at: number, optional: boolean): CelType
}

/** The type of a macro's call; undefined for a call of something else. */
export function checkMacro(checker: Checking, node: Call): CelType | undefined {
  if (node.op === 'call') return node.args[0] === 'has' && node.args[1].length === 1 ? has(checker, node, node.args[1][0]!) : undefined
  const [name, target, args] = node.args
  const known = MACROS[`${name}/${args.length}`]
  return known?.(checker, node, target, args)
}

function has(checker: Checking, node: Call, what: ASTNode): CelType {
  if (what.op !== '.') return checker.wrong(checker.at.of(what), 'invalid argument to has() macro')
  const [target, field] = what.args
  checker.field(checker.check(target), field, checker.at.of(node), false)
  return BOOL
}

type Macro = (checker: Checking, node: Call, target: ASTNode, args: readonly ASTNode[]) => CelType

const MACROS: Readonly<Record<string, Macro>> = {
  'all/2': quantifier(1),
  'all/3': quantifier(2),
  'exists/2': quantifier(1),
  'exists/3': quantifier(2),
  'exists_one/2': counter(1),
  'exists_one/3': counter(2),
  'existsOne/2': counter(1),
  'existsOne/3': counter(2),
  'filter/2': (checker, node, target, args) => comprehension(checker, target, args, 1, ([name], [element]) => {
    const list = listOf(element!)
    return name === undefined ? ERROR : checker.call(checker.at.of(node), '_?_:_', [checker.check(args[1]!), list, list])
  }, 'argument is not an identifier'),
  'map/2': transform(1, false, listOf),
  'map/3': transform(1, true, listOf),
  'transformList/3': transform(2, false, listOf),
  'transformList/4': transform(2, true, listOf),
  'transformMap/3': transform(2, false, (value, key) => mapOf(key, value)),
  'transformMap/4': transform(2, true, (value, key) => mapOf(key, value)),
  'transformMapEntry/3': transform(2, false, (value) => value),
  'transformMapEntry/4': transform(2, true, (value) => value),
  'optMap/2': (checker, node, target, args) => optional(checker, node, target, args, optionalOf),
  'optFlatMap/2': (checker, node, target, args) => optional(checker, node, target, args, (value) => value),
}

function quantifier(variables: number): Macro {
  return (checker, _node, target, args) => comprehension(checker, target, args, variables, () => {
    const predicate = args[variables]!
    const type = checker.check(predicate)
    if (!checker.fits(type, BOOL)) checker.wrong(checker.at.of(predicate), `expected type 'bool' but found '${formatType(type)}'`)
    return BOOL
  })
}

function counter(variables: number): Macro {
  return (checker, node, target, args) => comprehension(checker, target, args, variables, () => {
    checker.call(checker.at.of(node), '_?_:_', [checker.check(args[variables]!), INT, INT])
    return BOOL
  })
}

function transform(variables: number, filtered: boolean, whole: (value: CelType, key: CelType) => CelType): Macro {
  return (checker, node, target, args) => comprehension(checker, target, args, variables, (_names, [key]) => {
    const predicate = filtered ? checker.check(args[variables]!) : undefined
    const result = whole(checker.check(args.at(-1)!), key!)
    return predicate ? checker.call(checker.at.of(node), '_?_:_', [predicate, result, result]) : result
  }, variables === 1 ? 'argument is not an identifier' : undefined)
}

function comprehension(checker: Checking, target: ASTNode, args: readonly ASTNode[], variables: number, body: (names: string[], types: CelType[]) => CelType, noName = 'argument must be a simple name'): CelType {
  const names: string[] = []
  for (const arg of args.slice(0, variables)) {
    if (arg.op !== 'id') return checker.wrong(checker.at.of(arg), noName)
    names.push(arg.args)
  }
  const range = checker.resolved(checker.check(target))
  const types = elements(checker, target, range, variables === 2)
  return checker.resolved(checker.within(names.map((name, i) => [name, types[i]!] as const), () => body(names, types)))
}

function elements(checker: Checking, target: ASTNode, range: CelType, two: boolean): CelType[] {
  if (range.kind === 'list') return two ? [INT, range.of[0]!] : [range.of[0]!]
  if (range.kind === 'map') return two ? [...range.of] : [range.of[0]!]
  if (range.kind === 'param') checker.fits(DYN, range)
  else if (!isWild(range)) {
    checker.wrong(checker.at.of(target), `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`)
    return [ERROR, ERROR]
  }
  return [DYN, DYN]
}

/** target.hasValue() ? optional.of(…target.value()…) : optional.none() */
function optional(checker: Checking, node: Call, target: ASTNode, [variable, body]: readonly ASTNode[], whole: (value: CelType) => CelType): CelType {
  if (variable?.op !== 'id') return checker.wrong(checker.at.of(variable!), `${node.args[0]}() variable name must be a simple identifier`)
  const type = checker.check(target)
  if (checker.call(checker.at.of(node), 'hasValue', [type], true).kind === 'error') return ERROR
  const value = checker.call(checker.at.of(node), 'value', [type], true)
  return checker.resolved(whole(checker.within([[variable.args, value]], () => checker.check(body!))))
}
