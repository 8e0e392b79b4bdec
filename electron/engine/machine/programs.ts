import type { Program, ProgramTable } from './types.ts'

class Table implements ProgramTable {
  #programs = new Map<string, Program>()

  register(name: string, program: Program): void {
    this.#programs.set(name, program)
  }

  find(name: string): Program | undefined {
    return this.#programs.get(name)
  }

  names(): string[] {
    return [...this.#programs.keys()].sort()
  }
}

/**
 * Programs by name. Executables of filesystems name one; several names may share a program, which then looks at
 * argv[0]. "busybox" runs applet X as "busybox:X" where its output differs from the full tool's, else as "X".
 */
export function createProgramTable(): ProgramTable {
  return new Table()
}
