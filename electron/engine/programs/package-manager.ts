import type { Process } from '../machine/types.ts'
import type { Task } from '../machine/task.ts'

export const PACKAGE_MANAGERS = ['apk', 'apt', 'apt-get', 'apt-cache', 'dpkg', 'microdnf', 'rpm'] as const

/** What an image installs packages with. There is no internet to install from, and an image has the tools that it has. */
export function* packageManager(process: Process): Task<number> {
  const [path = '', verb] = process.argv
  const name = path.replace(/^.*\//, '')
  yield* process.printError(`podhop: not simulated: ${name}${verb && !verb.startsWith('-') ? ` ${verb}` : ''} (there is no internet to install from: take an image that has the tool, as nicolaka/netshoot has most, in a Pod of its own or with kubectl debug)\n`)
  return 69
}
