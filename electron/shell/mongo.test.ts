import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** MongoDB: mongod's image, its users and its log, and mongosh as people try it; tshark reads what they say to each other. */
let lab: House
const run = (script: string): string => lab.run(script).output
const quoted = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`
const shell = (text: string, options = ''): string => run(`kubectl exec db -- mongosh --quiet ${options} --eval ${quoted(text)}`)

beforeAll(() => {
  lab = house({ nodes: 2 })
  run(`kubectl run db --image=mongo --port=27017 --expose
    kubectl run locked --image=mongo:7 --env=MONGO_INITDB_ROOT_USERNAME=root --env=MONGO_INITDB_ROOT_PASSWORD=secret --port=27017 --expose
    kubectl wait --for=condition=Ready pod/db pod/locked --timeout=60s; sleep 15`)
})

describe('a server for everybody', () => {
  it('logs in JSON, as process 1, and warns', () => {
    const lines = run('kubectl logs db').trimEnd().split('\n')
    const parsed = lines.map((l) => JSON.parse(l) as { msg: string; attr?: Record<string, unknown>; tags?: string[] })
    expect(lines.at(-1)).toMatch(/^\{"t":\{"\$date":"2026-01-05T08:00:\d\d\.\d{3}\+00:00"\},"s":"I", {2}"c":"NETWORK", {2}"id":23016, {3}"ctx":"listener","msg":"Waiting for connections","attr":\{"port":27017,"ssl":"off"\}\}$/)
    expect(parsed.find((l) => l.msg === 'MongoDB starting')?.attr).toMatchObject({ pid: 1, port: 27_017, host: 'db' })
    expect(parsed.find((l) => l.msg === 'Options set by command line')?.attr).toEqual({ options: { net: { bindIp: '*' } } })
    expect(parsed.filter((l) => l.tags).map((l) => l.msg)).toEqual(['Access control is not enabled for the database. Read and write access to data and configuration is unrestricted'])
  })

  it('keeps documents: insert, find, count, update, delete', () => {
    expect(shell('db.runCommand({ping: 1})')).toBe('{ ok: 1 }\n')
    expect(shell('db.fruit.insertOne({name: "pear", kg: 2})')).toMatch(/^\{\n {2}acknowledged: true,\n {2}insertedId: ObjectId\('[0-9a-f]{24}'\)\n\}\n$/)
    expect(shell('db.fruit.insertMany([{_id: 1, name: "fig", kg: 1.5}, {_id: 2, name: "kiwi", tags: ["green", "small"]}])')).toBe("{ acknowledged: true, insertedIds: { '0': 1, '1': 2 } }\n")
    expect(shell('db.fruit.find({kg: {$gte: 1.5}}, {_id: 0}).sort({kg: 1})')).toBe("[ { name: 'fig', kg: 1.5 }, { name: 'pear', kg: 2 } ]\n")
    expect(shell('db.fruit.find({tags: "small"}).forEach(f => print(`${f._id} ${f.name}`))')).toBe('2 kiwi\n')
    expect(shell('db.fruit.countDocuments({name: /^[fk]/})')).toBe('2\n')
    expect(shell('db.fruit.updateMany({kg: {$exists: true}}, {$inc: {kg: 1}, $set: {seen: true}})')).toContain('matchedCount: 2,\n  modifiedCount: 2,')
    expect(shell('db.fruit.findOne({_id: 1})')).toBe("{ _id: 1, name: 'fig', kg: 2.5, seen: true }\n")
    expect(shell('db.fruit.insertOne({_id: 1})')).toBe('MongoServerError: E11000 duplicate key error collection: test.fruit index: _id_ dup key: { _id: 1 }\ncommand terminated with exit code 1\n')
    expect(shell('db.fruit.aggregate([{$group: {_id: "$seen", n: {$sum: 1}}}, {$sort: {n: -1}}])')).toBe('[ { _id: true, n: 2 }, { _id: null, n: 1 } ]\n')
    expect(shell('db.fruit.deleteMany({})')).toBe('{ acknowledged: true, deletedCount: 3 }\n')
    expect(shell('show dbs')).toBe('admin   40.00 KiB\nconfig   8.00 KiB\nlocal   40.00 KiB\ntest     8.00 KiB\n')
  })

  it('gives twenty at a time, and more on demand', () => {
    const window = lab.open()
    window.type('kubectl exec -it db -- mongosh --quiet\n', 3_000)
    window.type('for (let i = 0; i < 25; i++) { db.many.insertOne({_id: i}) }\n')
    expect(window.type('db.many.find()\n')).toContain('Type "it" for more\ntest> ')
    expect(window.type('it\n')).toContain('[ { _id: 20 }, { _id: 21 }, { _id: 22 }, { _id: 23 }, { _id: 24 } ]\ntest> ')
    window.type('db.many.find({\n')
    expect(window.type('_id: 3})\n')).toContain('[ { _id: 3 } ]\ntest> ')
    expect(window.type('use shop\n')).toContain('switched to db shop\nshop> ')
    window.type('while (true) {}\n')
    expect(window.type('\x03', 2_000)).toContain('$ ')
  })

  it("says what is a mistake in JavaScript's words, and what is not simulated", () => {
    expect(shell('nothing')).toContain('ReferenceError: nothing is not defined\n')
    expect(shell('db.fruit.fnd()')).toContain('TypeError: db.fruit.fnd is not a function\n')
    expect(shell('db.fruit.find({')).toContain('SyntaxError: Unexpected token (1:15)\n\n> 1 | db.fruit.find({\n    |                ^\n')
    expect(shell('rs.status()')).toContain('MongoServerError[NoReplicationEnabled]: not running with --replSet\n')
    expect(shell('db.runCommand({nonsense: 1})')).toContain("MongoServerError[CommandNotFound]: no such command: 'nonsense'\n")
    expect(shell('db.fruit.createIndex({a: 1})')).toContain('podhop: not simulated: db.collection.createIndex() ')
    expect(shell('db.fruit.find({$where: "1"})')).toContain('podhop: not simulated: $where ')
    expect(shell('class A {}')).toContain("podhop: not simulated: JavaScript's class ")
  })
})

describe('a server with users', () => {
  it('was made with its first user, and lets nobody else in', () => {
    expect(run('kubectl logs locked')).toContain('\nMongoDB init process complete; ready for start up.\n\n')
    expect(shell('db.x.find()', '--host locked')).toBe('MongoServerError[Unauthorized]: Command find requires authentication\ncommand terminated with exit code 1\n')
    expect(shell('db.x.find()', '--host locked -u root -p wrong')).toBe('MongoServerError: Authentication failed.\ncommand terminated with exit code 1\n')
    expect(shell('db.x.insertOne({_id: 1})', 'mongodb://root:secret@locked/shop?authSource=admin')).toBe('{ acknowledged: true, insertedId: 1 }\n')
    expect(run('kubectl logs locked')).toContain('"error":"AuthenticationFailed: SCRAM authentication failed, storedKey mismatch"')
  })

  it('gives a reader no more than reading', () => {
    expect(shell('db.createUser({user: "app", pwd: "apple", roles: ["read"]})', 'mongodb://root:secret@locked/shop?authSource=admin')).toBe('{ ok: 1 }\n')
    expect(shell('db.x.find()', 'mongodb://app:apple@locked/shop')).toBe('[ { _id: 1 } ]\n')
    expect(shell('db.x.drop()', 'mongodb://app:apple@locked/shop')).toMatch(/^MongoServerError\[Unauthorized\]: not authorized on shop to execute command \{ drop: "x"/)
  })

  it('wants both variables', () => {
    run('kubectl run half --image=mongo --restart=Never --env=MONGO_INITDB_ROOT_USERNAME=root; sleep 5')
    expect(run('kubectl logs half')).toBe("\nerror: missing 'MONGO_INITDB_ROOT_USERNAME' or 'MONGO_INITDB_ROOT_PASSWORD'\n       both must be specified for a user to be created\n\n")
    run('kubectl run set --image=mongo --restart=Never -- --replSet rs0; sleep 5')
    expect(run('kubectl logs set')).toContain('podhop: not simulated: mongod --replSet ')
  })
})

it('tells why there is no connection', () => {
  const ip = run("kubectl get pod db -o jsonpath='{.status.podIP}'")
  expect(shell('1', `--host ${ip} --port 1234`)).toBe(`MongoNetworkError: connect ECONNREFUSED ${ip}:1234\ncommand terminated with exit code 1\n`)
  expect(shell('1', '--host nobody')).toBe('MongoNetworkError: getaddrinfo ENOTFOUND nobody\ncommand terminated with exit code 1\n')
})

const tshark = (() => {
  try {
    return execFileSync('tshark', ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] }).length > 0
  } catch {
    return false
  }
})()
if (!tshark) console.warn('SKIPPED: tshark is not here; the wire protocol of MongoDB is not checked')

it.skipIf(!tshark)('speaks what tshark reads as MongoDB', () => {
  const node = run("kubectl get pod db -o jsonpath='{.spec.nodeName}'")
  run(`hop node ${node} -- tcpdump -i any -w /tmp/mongo.pcap tcp port 27017 & sleep 1; kubectl exec locked -- mongosh --quiet --host db --eval 'db.wire.insertOne({a: [1, {b: null}], c: true, d: new Date(0), e: 1.5, f: /x/i}); db.wire.find({a: 1})'; sleep 1; kill %1; sleep 1`)
  const bytes = Buffer.from(run(`hop node ${node} -- base64 -w0 /tmp/mongo.pcap`), 'base64')
  const folder = mkdtempSync(join(tmpdir(), 'podhop-'))
  try {
    writeFileSync(join(folder, 'x.pcap'), bytes)
    const text = execFileSync('tshark', ['-r', join(folder, 'x.pcap'), '-d', 'tcp.port==27017,mongo', '-Y', 'mongo', '-T', 'fields', '-e', 'mongo.opcode', '-e', 'mongo.element.name', '-e', '_ws.malformed'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    expect(text.split('\n').filter((l) => l !== '').every((l) => l.split('\t')[2] === '')).toBe(true)
    for (const code of ['2004', '1', '2013']) expect(text).toMatch(new RegExp(`^${code}\t`, 'm'))
    expect(text).toContain('insert,')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
