import type { Program } from '../machine/types.ts'
import { become } from './become.ts'

/** docker-entrypoint.sh of docker.io/library/bash: options, and no command at all, are bash's. */
export const bashEntrypoint: Program = (process) => {
  const command = process.argv.slice(1)
  return become(process, command[0] === undefined || command[0].startsWith('-') ? ['bash', ...command] : command)
}
