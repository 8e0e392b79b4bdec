import { parseArgs, type ParseArgsConfig } from 'node:util'

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {}

/** node:util's parseArgs with its complaints as usage errors. */
export function parse<const T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    throw new UsageError((error as Error).message.split('. To specify')[0]!)
  }
}

export function portNumber(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65535) throw new UsageError(`--port ${text}: expected a number from 0 to 65535`)
  return port
}
