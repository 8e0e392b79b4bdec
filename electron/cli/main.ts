import { run } from './commands/run.ts'
import { serve } from './commands/serve.ts'
import { start } from './commands/start.ts'
import { lab } from './commands/lab.ts'
import { version } from './commands/version.ts'
import { UsageError } from './arguments.ts'

const USAGE = `podhop: an offline lab for Kubernetes networking

  podhop start [--web] [--port P]                    the app
  podhop serve [--port P] [--kube-api] [--cluster F] [-f M]…
                                                     the app for browsers; --kube-api: for your own tools, too
  podhop run [--cluster F] [--lab ID|FOLDER] [-f M]… [-c COMMANDS | SCRIPT]
                                                     a fresh cluster in virtual time: apply, settle, run, print
  podhop lab list|lint|test|new [ID|FOLDER]…         labs, for trainers and QA; podhop lab --help
  podhop lab pack FOLDER… -o FILE                    labs as one file that travels
  podhop lab import|remove …                         such a file into the catalogue, or out of it
  podhop lab grade FILE…                             results that students handed in, as a table
  podhop version
`

const commands: Record<string, (args: string[]) => Promise<number> | number> = { start, serve, run, lab, version }

async function main(): Promise<number> {
  const [name, ...args] = process.argv.slice(2)
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(USAGE)
    return name === undefined ? 2 : 0
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!command) throw new UsageError(`unknown command "${name}"`)
  return command(args)
}

/** 128 + SIGPIPE, as of a tool whose reader (`| head`) has gone. */
const READER_GONE = 141
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(READER_GONE)
    throw error
  })
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    const usage = error instanceof UsageError
    if (process.env['PODHOP_DEBUG']) process.stderr.write(`${(error as Error).stack}\n`)
    process.stderr.write(`podhop: ${(error as Error).message}\n${usage ? "See 'podhop help'.\n" : ''}`)
    process.exitCode = usage ? 2 : 1
  },
)
