import { decodeBase64, encodeBase64 } from '../../kubernetes/base64.ts'
import { sha256 } from '../../sha256.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { hmac, saltedPassword } from '../scram.ts'
import { Binary, doc, type Bson, type Document } from './bson.ts'
import { WRITES } from './commands.ts'
import { badValue, CommandError, notSimulated } from './query.ts'
import type { Store } from './store.ts'
import { isDocument, typeName } from './values.ts'

/** Users in admin.system.users, SCRAM-SHA-256 (RFC 7677) with MongoDB's 15,000 rounds, and what roles allow. */
export const ITERATIONS = 15_000
const ROLES = ['root', 'readWriteAnyDatabase', 'readAnyDatabase', 'userAdminAnyDatabase', 'dbAdminAnyDatabase', 'clusterAdmin', 'read', 'readWrite', 'dbAdmin', 'userAdmin', 'dbOwner']

export interface Role { role: string; db: string }

export function userDocument(store: Store, name: string, database: string): Document | undefined {
  return store.find('admin', 'system.users')?.documents.find((d) => d.get('user') === name && d.get('db') === database)
}

export function hasUsers(store: Store): boolean {
  return (store.find('admin', 'system.users')?.count ?? 0) > 0
}

/** createUser's document; the password itself is not kept. */
export function newUser(request: Document, database: string, salt: Uint8Array, id: string): Document {
  const [, name] = [...request][0]!
  const password = request.get('pwd')
  if (typeof name !== 'string' || name === '') throw badValue('User document needs \'user\' field to be non-empty')
  if (typeof password !== 'string' || password === '') throw badValue('Must provide a \'pwd\' field for all user documents, except those with \'$external\' as the user\'s source db')
  const salted = saltedPassword(password, salt, ITERATIONS)
  const credentials = doc(['iterationCount', ITERATIONS], ['salt', encodeBase64(salt)], ['storedKey', encodeBase64(sha256(hmac(salted, encodeUtf8('Client Key'))))], ['serverKey', encodeBase64(hmac(salted, encodeUtf8('Server Key')))])
  return doc(['_id', `${database}.${name}`], ['userId', id], ['user', name], ['db', database], ['credentials', doc(['SCRAM-SHA-256', credentials])], ['roles', rolesOf(request.get('roles'), database).map((r) => doc(['role', r.role], ['db', r.db]))])
}

function rolesOf(value: Bson | undefined, database: string): Role[] {
  if (!Array.isArray(value)) throw badValue('"createUser" command requires a "roles" array')
  return value.map((v) => {
    const role = typeof v === 'string' ? { role: v, db: database } : isDocument(v) ? { role: String(v.get('role')), db: String(v.get('db') ?? database) } : undefined
    if (!role) throw badValue(`Role names must be either strings or objects, not ${typeName(v)}`)
    if (['backup', 'restore', 'clusterMonitor', 'clusterManager', 'hostManager', '__system', 'enableSharding'].includes(role.role)) throw notSimulated(`the role ${role.role}`, `${ROLES.join(', ')} are`)
    if (!ROLES.includes(role.role) || (/Any|^root$|^cluster/.test(role.role) && role.db !== 'admin')) throw new CommandError(31, 'RoleNotFound', `Could not find role: ${role.role}@${role.db}`)
    return role
  })
}

function rolesIn(user: Document): Role[] {
  return (user.get('roles') as Document[]).map((r) => ({ role: String(r.get('role')), db: String(r.get('db')) }))
}

const ADMINISTRATION = new Set(['createUser', 'dropUser', 'usersInfo', 'dropAllUsersFromDatabase', 'updateUser'])

/** Whether one of the roles lets a command work on a database. */
export function mayRun(roles: readonly Role[], command: string, database: string): boolean {
  const administers = ADMINISTRATION.has(command)
  return roles.some(({ role, db }) => {
    if (role === 'root') return true
    const here = db === database
    if (administers) return role === 'userAdminAnyDatabase' || (here && ['userAdmin', 'dbOwner'].includes(role))
    if (command === 'listDatabases') return true
    if (command === 'shutdown') return role === 'clusterAdmin'
    if (['create', 'drop', 'dropDatabase', 'listCollections', 'listIndexes', 'dbStats'].includes(command) && (role === 'dbAdminAnyDatabase' || (here && role === 'dbAdmin'))) return true
    if (command === 'dropDatabase') return here && role === 'dbOwner'
    const writes = WRITES.has(command)
    if (role === 'readWriteAnyDatabase') return true
    if (role === 'readAnyDatabase') return !writes
    return here && (['readWrite', 'dbOwner'].includes(role) || (role === 'read' && !writes))
  })
}

/** One conversation of SCRAM-SHA-256 as the server has it. */
export class Conversation {
  readonly #user: Document
  #text: string
  readonly #nonce: string
  user: string
  database: string

  private constructor(user: Document, text: string, nonce: string) {
    this.#user = user
    this.#text = text
    this.#nonce = nonce
    this.user = String(user.get('user'))
    this.database = String(user.get('db'))
  }

  /** The client's first message; a text: why not (the log says it, the client hears no more than that it failed). */
  static start(store: Store, payload: string, database: string, random: string): { conversation: Conversation; reply: string; user: string } | { error: string; user: string } {
    const [, bare = '', name = '', nonce = ''] = /^[ny],,(n=([^,]*),r=(.*))$/.exec(payload) ?? []
    const plain = name.replaceAll('=2C', ',').replaceAll('=3D', '=')
    const user = userDocument(store, plain, database)
    if (!user) return { error: `UserNotFound: Could not find user "${plain}" for db "${database}"`, user: plain }
    const reply = `r=${nonce}${random},s=${credentials(user).get('salt') as string},i=${ITERATIONS}`
    return { conversation: new Conversation(user, `${bare},${reply}`, `${nonce}${random}`), reply, user: plain }
  }

  /** The client's proof: the server's signature, or undefined when it is wrong. */
  finish(payload: string): string | undefined {
    const [, without = '', nonce = '', proof = ''] = /^(c=[^,]*,r=([^,]*)),p=(.*)$/.exec(payload) ?? []
    const bytes = decodeBase64(proof)
    if (typeof bytes === 'number' || bytes.length !== 32 || nonce !== this.#nonce) return undefined
    this.#text += `,${without}`
    const message = encodeUtf8(this.#text)
    const stored = decodeBase64(credentials(this.#user).get('storedKey') as string) as Uint8Array
    const signature = hmac(stored, message)
    if (encodeBase64(sha256(bytes.map((b, i) => b ^ signature[i]!))) !== encodeBase64(stored)) return undefined
    return `v=${encodeBase64(hmac(decodeBase64(credentials(this.#user).get('serverKey') as string) as Uint8Array, message))}`
  }

  get roles(): Role[] {
    return rolesIn(this.#user)
  }
}

function credentials(user: Document): Document {
  return (user.get('credentials') as Document).get('SCRAM-SHA-256') as Document
}

export function textOf(payload: Bson | undefined): string {
  return payload instanceof Binary ? decodeUtf8(payload.bytes) : ''
}
