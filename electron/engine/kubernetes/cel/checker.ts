import type { ASTNode } from '@marcbachmann/cel-js'
import { overloadsOf, TYPE_NAMES } from './declarations.ts'
import { issueText, type Issue, Positions } from './issues.ts'
import { checkMacro, type Checking } from './macros.ts'
import { BOOL, BYTES, type CelType, DOUBLE, DYN, ERROR, formatType, INT, isOptional, isWild, lessSpecific, listOf, mapOf, NULL, optionalOf, parameter, STRING, Substitutions, UINT } from './types.ts'

/** What a name that is no function stands for: "object", also "authorizer.requestResource". */
export type Scope = (name: string) => CelType | undefined

export interface Checked {
  /** What the expression comes to; of one with errors not known. */
  readonly type: CelType
  /** All that is wrong, as cel-go's Issues.String() tells it. */
  readonly issues?: string
}

/** Whether an expression fits the types of what it names: cel-go's checker, with homogeneous literals and comparisons across numbers. */
export function checkTypes(ast: ASTNode, input: string, scope: Scope): Checked {
  const checker = new Checker(input, scope)
  const type = checker.resolved(checker.check(ast), true)
  return checker.issues.length === 0 ? { type } : { type: ERROR, issues: issueText(checker.issues, input) }
}

/** The operators as functions. */
const OPERATORS: Readonly<Record<string, string>> = { '==': '_==_', '!=': '_!=_', '<': '_<_', '<=': '_<=_', '>': '_>_', '>=': '_>=_', '+': '_+_', '-': '_-_', '*': '_*_', '/': '_/_', '%': '_%_', in: '@in', '[]': '_[_]', '[?]': '_[?_]' }

class Checker implements Checking {
  readonly issues: Issue[] = []
  readonly at: Positions
  readonly #types = new Substitutions()
  readonly #locals: Map<string, CelType>[] = []
  readonly #scope: Scope
  #free = 0

  constructor(input: string, scope: Scope) {
    this.at = new Positions(input)
    this.#scope = scope
  }

  check(node: ASTNode): CelType {
    switch (node.op) {
      case 'value':
        return literal(node.args)
      case 'id':
        return this.#name(node.args) ?? this.wrong(this.at.of(node), `undeclared reference to '${node.args}' (in container '')`)
      case '.':
      case '.?':
        return this.#select(node)
      case 'call':
        return checkMacro(this, node) ?? this.#function(node, node.args[0], node.args[1])
      case 'rcall':
        return checkMacro(this, node) ?? this.#method(node)
      case 'list':
        return listOf(this.#join(node.args))
      case 'map':
        return mapOf(this.#join(node.args.map(([key]) => key)), this.#join(node.args.map(([, value]) => value)))
      case '?:':
        return this.call(this.at.of(node), '_?_:_', node.args.map((each) => this.check(each)))
      case '&&':
      case '||': {
        const wrong = node.args.filter((each) => !this.#isBool(each))
        return wrong.length > 0 ? ERROR : BOOL
      }
      case '!_':
        return this.call(this.at.of(node), '!_', [this.check(node.args)])
      case '-_': {
        const { args } = node
        return args.op === 'value' && (typeof args.args === 'bigint' || typeof args.args === 'number') ? literal(args.args) : this.call(this.at.of(node), '-_', [this.check(args)])
      }
      default:
        return this.call(this.at.of(node), OPERATORS[node.op] ?? node.op, node.args.map((each) => this.check(each)))
    }
  }

  wrong(at: number, message: string): CelType {
    this.issues.push({ at, message })
    return ERROR
  }

  /** What a comprehension's variables are while its parts are looked at. */
  within<T>(locals: readonly (readonly [string, CelType])[], check: () => T): T {
    this.#locals.push(new Map(locals))
    try {
      return check()
    } finally {
      this.#locals.pop()
    }
  }

  resolved(type: CelType, free = false): CelType {
    return this.#types.resolve(type, free)
  }

  fits(given: CelType, wanted: CelType): boolean {
    return this.#types.assign([given], [wanted])
  }

  /** The result of a function for arguments of these types, a method's receiver first. */
  call(at: number, name: string, given: readonly CelType[], member = false): CelType {
    let result: CelType | undefined
    for (const overload of overloadsOf(name) ?? []) {
      if (overload.member !== member) continue
      const own = new Map<string, CelType>()
      const fresh = (type: CelType): CelType => {
        if (type.kind === 'param') {
          const known = own.get(type.name) ?? this.#variable()
          own.set(type.name, known)
          return known
        }
        return type.of.length === 0 ? type : { ...type, of: type.of.map(fresh) }
      }
      if (!this.#types.assign(given, overload.arguments.map(fresh))) continue
      const found = this.#types.resolve(fresh(overload.result))
      if (!result) result = found
      else if (result.kind !== 'dyn' && formatType(result) !== formatType(found)) result = DYN
    }
    if (result) return result
    const types = given.map((each) => formatType(this.#types.resolve(each, true)))
    return this.wrong(at, `found no matching overload for '${name}' applied to '${member ? `${types[0]!}.` : ''}(${types.slice(member ? 1 : 0).join(', ')})'`)
  }

  #variable(): CelType {
    return parameter(`_var${this.#free++}`)
  }

  #name(name: string): CelType | undefined {
    for (let i = this.#locals.length - 1; i >= 0; i--) {
      const local = this.#locals[i]!.get(name)
      if (local) return local
    }
    return this.#scope(name) ?? TYPE_NAMES.get(name)
  }

  #isBool(node: ASTNode): boolean {
    const type = this.check(node)
    if (this.fits(type, BOOL)) return true
    this.wrong(this.at.of(node), `expected type 'bool' but found '${formatType(type)}'`)
    return false
  }

  #select(node: ASTNode & { op: '.' | '.?' }): CelType {
    const qualified = node.op === '.' ? qualifiedName(node) : undefined
    const known = qualified === undefined || this.#isLocal(qualified) ? undefined : (this.#scope(qualified) ?? TYPE_NAMES.get(qualified))
    if (known) return known
    const [target, field] = node.args
    return this.field(this.check(target), field, this.at.of(node), node.op === '.?')
  }

  #isLocal(qualified: string): boolean {
    const first = qualified.slice(0, qualified.indexOf('.'))
    return this.#locals.some((names) => names.has(first))
  }

  /** The type of a value's field; of an optional value it is an optional one. */
  field(of: CelType, name: string, at: number, optional: boolean): CelType {
    const whole = this.resolved(of)
    const isOpt = isOptional(whole)
    const target = isOpt ? whole.of[0]! : whole
    let type: CelType
    if (target.kind === 'map') type = target.of[1]!
    else if (target.kind === 'struct') type = target.field?.(name) ?? this.wrong(at, `undefined field '${name}'`)
    else {
      if (target.kind === 'param') this.fits(DYN, target)
      else if (!isWild(target)) this.wrong(at, `type '${formatType(target)}' does not support field selection`)
      type = DYN
    }
    return this.resolved(isOpt || optional ? optionalOf(type) : type)
  }

  #function(node: ASTNode, name: string, nodes: readonly ASTNode[]): CelType {
    const given = nodes.map((each) => this.check(each))
    return overloadsOf(name) ? this.call(this.at.of(node), name, given) : this.wrong(this.at.of(node), `undeclared reference to '${name}' (in container '')`)
  }

  #method(node: ASTNode & { op: 'rcall' }): CelType {
    const [name, target, nodes] = node.args
    const given = nodes.map((each) => this.check(each))
    const prefix = target.op === 'id' ? target.args : target.op === '.' ? qualifiedName(target) : undefined
    const full = prefix === undefined ? undefined : `${prefix}.${name}`
    if (full !== undefined && overloadsOf(full)) return this.call(this.at.of(node), full, given)
    const receiver = this.check(target)
    return overloadsOf(name) ? this.call(this.at.of(node), name, [receiver, ...given], true) : this.wrong(this.at.of(node), `undeclared reference to '${name}' (in container '')`)
  }

  /** What all the members of a literal are. */
  #join(nodes: readonly ASTNode[]): CelType {
    let joined: CelType | undefined
    for (const node of nodes) {
      const type = this.check(node)
      if (!joined) joined = type
      else if (this.fits(joined, type)) joined = lessSpecific(joined, type) ? joined : type
      else joined = this.wrong(this.at.of(node), `expected type '${formatType(joined)}' but found '${formatType(type)}'`)
    }
    return joined ?? this.#variable()
  }
}

function literal(value: unknown): CelType {
  switch (typeof value) {
    case 'bigint':
      return INT
    case 'number':
      return DOUBLE
    case 'string':
      return STRING
    case 'boolean':
      return BOOL
    default:
      return value === null ? NULL : value instanceof Uint8Array ? BYTES : UINT
  }
}

/** "a.b.c" of a selection that begins with a name. */
function qualifiedName(node: ASTNode): string | undefined {
  if (node.op === 'id') return node.args
  if (node.op !== '.') return undefined
  const prefix = qualifiedName(node.args[0])
  return prefix === undefined ? undefined : `${prefix}.${node.args[1]}`
}
