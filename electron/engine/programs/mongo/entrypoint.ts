import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { BytesFile } from '../../machine/files.ts'
import { encodeUtf8 } from '../../text.ts'
import { become } from '../become.ts'
import { stepDown } from '../gosu.ts'
import { mongosh as shell } from './mongosh.ts'

/** docker-entrypoint.sh of the image (github.com/docker-library/mongo): the first user by a server that listens on localhost only. */
const INITIAL = ['--bind_ip', '127.0.0.1', '--port', '27017']

export const mongoEntrypoint: Program = function* (process) {
  const command = process.argv.slice(1)
  if (command[0]?.startsWith('-')) command.unshift('mongod')
  if (command[0] !== 'mongod') return yield* become(process, command)
  const failed = yield* stepDown(process, 'mongodb', ['/data/configdb', '/data/db'])
  if (failed !== undefined) return failed
  const user = setting(process, 'MONGO_INITDB_ROOT_USERNAME')
  const password = setting(process, 'MONGO_INITDB_ROOT_PASSWORD')
  if ((user === '') !== (password === '')) {
    yield* process.printError("\nerror: missing 'MONGO_INITDB_ROOT_USERNAME' or 'MONGO_INITDB_ROOT_PASSWORD'\n       both must be specified for a user to be created\n\n")
    return 1
  }
  if (user !== '' && !command.includes('--auth')) command.push('--auth')
  const directory = '/docker-entrypoint-initdb.d'
  const scripts = process.fs.exists(directory) ? process.fs.readDirectory(directory) : []
  const at = command.indexOf('--dbpath')
  const data = at < 0 ? '/data/db' : (command[at + 1] ?? '/data/db')
  if ((user !== '' || scripts.some((f) => /\.(sh|js)$/.test(f))) && !process.fs.exists(`${data}/WiredTiger`)) {
    const code = yield* initialise(process, command, user, password, scripts.map((f) => `${directory}/${f}`))
    if (code !== undefined) return code
  }
  if (!command.some((a) => /^--bind_ip(_all)?(=|$)/.test(a))) command.push('--bind_ip_all')
  for (const name of [...process.env.keys()]) if (name.startsWith('MONGO_INITDB_')) process.env.delete(name)
  return yield* become(process, command)
}

/** MONGO_X, or what is in the file that MONGO_X_FILE names. */
function setting(process: Process, name: string): string {
  const file = process.env.get(`${name}_FILE`) ?? ''
  return process.env.get(name) || (file !== '' && process.fs.exists(file) ? process.fs.readText(file).replace(/\n$/, '') : '')
}

function* initialise(process: Process, command: readonly string[], user: string, password: string, scripts: readonly string[]): Task<number | undefined> {
  const rest = command.slice(1).filter((a, i, all) => !['--auth', '--bind_ip_all', '--bind_ip', '--port'].includes(a) && !['--bind_ip', '--port'].includes(all[i - 1] ?? '') && !/^--(bind_ip|port)=/.test(a))
  const server = process.spawn({ argv: ['mongod', ...rest, ...INITIAL], files: process.files })
  const mongosh = function* (args: readonly string[], input = ''): Task<number> {
    const files = new Map([...process.files, [0, new BytesFile(encodeUtf8(input))]])
    return (yield* process.wait(process.spawn({ argv: ['mongosh', '--host', '127.0.0.1', '--port', '27017', '--quiet', ...args], program: shell, files }))).code
  }
  const up = (): boolean => process.network.sockets.list().some((s) => s.state === 'LISTEN' && s.localPort === 27_017)
  while (!up() && !server.status) yield* process.sleep(1000, { background: false })
  if (server.status) {
    yield* process.printError('\nerror: mongod does not appear to have stayed running -- perhaps it had an error?\n\n')
    return 1
  }
  if (user !== '') {
    const text = `db.createUser({ user: ${JSON.stringify(user)}, pwd: ${JSON.stringify(password)}, roles: [ { role: "root", db: "admin" } ] })`
    const code = yield* mongosh(['admin', '--eval', text])
    if (code !== 0) return code
  }
  yield* process.print('\n')
  const database = process.env.get('MONGO_INITDB_DATABASE') || 'test'
  for (const script of scripts) {
    yield* process.print(`/usr/local/bin/docker-entrypoint.sh: ${/\.(sh|js)$/.test(script) ? 'running' : 'ignoring'} ${script}\n`)
    const code = script.endsWith('.js') ? yield* mongosh([database, script]) : script.endsWith('.sh') ? (yield* process.wait(process.spawn({ argv: ['bash', script], files: process.files }))).code : 0
    if (code !== 0) return code
    yield* process.print('\n')
  }
  server.signal('SIGTERM')
  yield* process.wait(server)
  yield* process.print('\nMongoDB init process complete; ready for start up.\n\n')
  return undefined
}
