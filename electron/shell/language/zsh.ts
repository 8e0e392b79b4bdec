import type { Program } from '../../engine/cluster.ts'

/** zsh of nicolaka/netshoot, whose command it is: bash takes its place, and says so. The image's greeting is shown as its .zshrc does. */
export const zsh: Program = function* (process) {
  // .zshrc is for those who type
  if (process.terminalOf(0) && process.argv.length === 1) {
    const greeting = `${process.env.get('HOME') ?? ''}/motd`
    if (process.fs.exists(greeting)) yield* process.print(process.fs.readText(greeting))
    yield* process.printError('podhop: not simulated: zsh (bash runs in its place)\n')
  }
  return yield* process.exec({ argv: ['bash', ...process.argv.slice(1)] })
}
