import { SystemError } from '../../machine/errors.ts'
import type { Process } from '../../machine/types.ts'
import { mayWrite } from '../nginx/account.ts'
import { readRdb, writeRdb } from './rdb.ts'
import type { RedisStore } from './store.ts'

type Log = (mark: string, text: string) => void

/** dump.rdb in the directory of the configuration: written when the server ends, read when it begins. */
const fileOf = (config: ReadonlyMap<string, string>): string => `${config.get('dir')!.replace(/\/$/, '')}/dump.rdb`

const ahead = ({ clock }: Process): number => clock.wall() - clock.now

export function loadDump(process: Process, config: ReadonlyMap<string, string>, store: RedisStore, version: string, log: Log): void {
  const { fs, clock } = process
  const file = fileOf(config)
  if (!fs.exists(file)) return
  readRdb(fs.readFile(file), store, ahead(process))
  log('*', `Loading RDB produced by version ${version}`)
  log('*', `RDB age ${Math.floor((clock.wall() - fs.stat(file).mtime) / 1000)} seconds`)
  log('*', `Done loading RDB, keys loaded: ${store.keys().length}, keys expired: 0.`)
  log('*', 'DB loaded from disk: 0.000 seconds')
}

/** Whether the server may end: it stays when it cannot save what it is to save. */
export function saveDump(process: Process, config: ReadonlyMap<string, string>, store: RedisStore, log: Log): boolean {
  if (config.get('save') === '') return true
  const file = fileOf(config)
  log('*', 'Saving the final RDB snapshot before exiting.')
  try {
    mayWrite(process, file)
    process.fs.writeFile(file, writeRdb(store, ahead(process)))
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    log('#', `Failed opening the temp RDB file temp-${process.pid}.rdb (in server root dir ${config.get('dir')!}) for saving: ${error.message}`)
    log('#', "Error trying to save the DB, can't exit.")
    log('#', 'Errors trying to shut down the server. Check the logs for more information.')
    return false
  }
  log('*', 'DB saved on disk')
  return true
}
