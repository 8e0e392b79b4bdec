/** A shell variable: a scalar, an indexed or an associative array (bash(1), PARAMETERS). */
export interface Variable {
  value?: string
  array?: Map<number, string>
  table?: Map<string, string>
  exported?: boolean
  readonly?: boolean
  integer?: boolean
  lower?: boolean
  upper?: boolean
  reference?: boolean
  capital?: boolean
  /** Declared as an array, never given a value. */
  unassigned?: boolean
}

export class ReadonlyError extends Error {}

/** The variables of one shell, with the dynamic scope of `local`, mirrored to the process's environment. */
export class Variables {
  #all = new Map<string, Variable>()
  #frames: Map<string, Variable | undefined>[] = []
  /** RANDOM, SECONDS, LINENO…: computed at each use. */
  readonly computed = new Map<string, () => string | undefined>()
  #environment: Map<string, string>

  constructor(environment: Map<string, string>) {
    this.#environment = environment
    for (const [name, value] of environment) if (/^[A-Za-z_]\w*$/.test(name)) this.#all.set(name, { value, exported: true })
  }

  /** For a subshell: the same values, none shared. */
  clone(environment: Map<string, string>): Variables {
    const copy = new Variables(new Map())
    copy.#environment = environment
    for (const [name, variable] of this.#all) copy.#all.set(name, cloned(variable))
    // A subshell never returns from the functions that it is in.
    if (this.#frames.length > 0) copy.#frames = [new Map()]
    return copy
  }

  /** Binds to the environment of the process that a subshell runs in. */
  bind(environment: Map<string, string>): void {
    this.#environment = environment
  }

  names(): string[] {
    return [...this.#all.keys()].sort()
  }

  /** The variable itself, even when it is a reference to another one. */
  own(name: string): Variable | undefined {
    return this.#all.get(name)
  }

  find(name: string): Variable | undefined {
    return this.#all.get(this.target(name))
  }

  /** Follows `declare -n`. */
  target(name: string): string {
    let at = name
    for (let i = 0; i < 8; i++) {
      const variable = this.#all.get(at)
      if (!variable?.reference || !variable.value) return at
      at = variable.value
    }
    return at
  }

  get(name: string): string | undefined {
    const computed = this.computed.get(name)
    if (computed) return computed()
    const variable = this.find(name)
    if (!variable) return undefined
    if (variable.array) return variable.array.get(0)
    if (variable.table) return variable.table.get('0')
    return variable.value
  }

  set(name: string, value: string): void {
    const variable = this.writable(name)
    if (variable.array) variable.array.set(0, value)
    else if (variable.table) variable.table.set('0', value)
    else variable.value = variable.capital ? value.slice(0, 1).toUpperCase() + value.slice(1).toLowerCase() : variable.lower ? value.toLowerCase() : variable.upper ? value.toUpperCase() : value
    this.#mirror(this.target(name), variable)
  }

  /** The variable, made if it is not there. */
  writable(name: string): Variable {
    const target = this.target(name)
    let variable = this.#all.get(target)
    if (!variable) this.#all.set(target, (variable = {}))
    if (variable.readonly) throw new ReadonlyError(target)
    return variable
  }

  replace(name: string, variable: Variable): void {
    this.#all.set(name, variable)
    this.#mirror(name, variable)
  }

  unset(name: string): void {
    const target = this.target(name)
    const variable = this.#all.get(target)
    if (variable?.readonly) throw new ReadonlyError(target)
    this.computed.delete(target)
    const depth = this.#frames.findLastIndex((frame) => frame.has(target))
    if (depth >= 0 && depth < this.#frames.length - 1) {
      // A caller's local variable: what it hid is seen again.
      const frame = this.#frames[depth]!
      const outer = frame.get(target)
      frame.delete(target)
      this.restore(target, outer)
      return
    }
    this.#all.delete(target)
    this.#environment.delete(target)
  }

  /** The reference itself (`unset -n`). */
  unsetReference(name: string): void {
    this.#all.delete(name)
  }

  /** The names that `local` made in the running function. */
  localNames(): string[] {
    return [...(this.#frames[this.#frames.length - 1]?.keys() ?? [])].sort()
  }

  export(name: string, on = true): void {
    let variable = this.find(name)
    if (!variable) this.#all.set(name, (variable = {}))
    variable.exported = on
    this.#mirror(name, variable)
  }

  get inFunction(): boolean {
    return this.#frames.length > 0
  }

  enter(): void {
    this.#frames.push(new Map())
  }

  leave(): void {
    const frame = this.#frames.pop()
    if (!frame) return
    for (const [name, variable] of frame) this.restore(name, variable)
  }

  /** Makes a variable of the running function. */
  local(name: string): Variable {
    const frame = this.#frames[this.#frames.length - 1]!
    if (!frame.has(name)) {
      const outer = this.#all.get(name)
      frame.set(name, outer)
      const variable: Variable = { exported: outer?.exported }
      this.#all.set(name, variable)
      return variable
    }
    return this.#all.get(name) ?? this.writable(name)
  }

  restore(name: string, variable: Variable | undefined): void {
    if (variable) this.replace(name, variable)
    else {
      this.#all.delete(name)
      this.#environment.delete(name)
    }
  }

  #mirror(name: string, variable: Variable): void {
    if (variable.exported && variable.value !== undefined) this.#environment.set(name, variable.value)
    else this.#environment.delete(name)
  }
}

function cloned(variable: Variable): Variable {
  return { ...variable, array: variable.array && new Map(variable.array), table: variable.table && new Map(variable.table) }
}
