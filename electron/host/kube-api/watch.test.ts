import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../session/desk.samples.ts'
import { Lines, Served } from './served.samples.ts'

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
const PARTIAL = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'

describe('a watch over HTTPS', () => {
  let served: Served
  beforeAll(async () => {
    served = await new Served().start()
  })
  afterAll(() => served.close())

  const watch = async (path: string, headers: Record<string, string> = {}): Promise<Lines> => new Lines(await served.begin(path, { headers }))
  const make = (name: string) => served.send('POST', CONFIG_MAPS, { metadata: { name } })

  it('has what there is and what comes, each a line of its own', async () => {
    await make('before')
    const seen = await watch(`${CONFIG_MAPS}?watch=true&fieldSelector=metadata.name!=kube-root-ca.crt`)
    await eventually(() => seen.lines.length === 1)
    expect(seen.events[0]).toMatchObject({ type: 'ADDED', object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'before' } } })
    await served.send('PATCH', `${CONFIG_MAPS}/before`, { data: { a: 'b' } }, { 'Content-Type': 'application/merge-patch+json' })
    await served.ask(`${CONFIG_MAPS}/before`, { method: 'DELETE' })
    await eventually(() => seen.lines.length === 3)
    expect(seen.events.slice(1)).toMatchObject([{ type: 'MODIFIED', object: { data: { a: 'b' } } }, { type: 'DELETED', object: { metadata: { name: 'before' } } }])
    seen.tear()
  })

  it('of a table names its columns once', async () => {
    await make('one')
    const seen = await watch(`${CONFIG_MAPS}?watch=true&fieldSelector=metadata.name!=kube-root-ca.crt`, { Accept: TABLE })
    await make('two')
    await eventually(() => seen.lines.length === 2)
    const [first, second] = seen.events
    expect(first).toMatchObject({ type: 'ADDED', object: { kind: 'Table', apiVersion: 'meta.k8s.io/v1', columnDefinitions: [{ name: 'Name' }, { name: 'Data' }, { name: 'Age' }], rows: [{ cells: ['one', 0, expect.any(String)], object: { kind: 'PartialObjectMetadata' } }] } })
    expect(second.object).toMatchObject({ columnDefinitions: null, rows: [{ cells: ['two', 0, '0s'] }] })
    seen.tear()
    for (const name of ['one', 'two']) await served.ask(`${CONFIG_MAPS}/${name}`, { method: 'DELETE' })
  })

  it('of metadata alone has no more than that', async () => {
    await make('whole')
    const seen = await watch(`${CONFIG_MAPS}?watch=true&fieldSelector=metadata.name=whole`, { Accept: PARTIAL })
    await eventually(() => seen.lines.length === 1)
    expect(Object.keys(seen.events[0].object)).toEqual(['kind', 'apiVersion', 'metadata'])
    expect(seen.events[0].object.kind).toBe('PartialObjectMetadata')
    seen.tear()
    const list = await served.ask(`${CONFIG_MAPS}?fieldSelector=metadata.name=whole`, { headers: { Accept: PARTIAL.replace('Metadata;', 'MetadataList;') } })
    expect(list.json).toMatchObject({ kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', items: [{ kind: 'PartialObjectMetadata' }] })
    await served.ask(`${CONFIG_MAPS}/whole`, { method: 'DELETE' })
  })

  it('begins after the resourceVersion of a list', async () => {
    await make('listed')
    const { resourceVersion } = (await served.ask(CONFIG_MAPS)).json.metadata
    const seen = await watch(`${CONFIG_MAPS}?watch=true&resourceVersion=${resourceVersion}`)
    await make('later')
    await eventually(() => seen.lines.length > 0)
    expect(seen.events.map((e) => e.object.metadata.name)).toEqual(['later'])
    seen.tear()
  })

  it('sends bookmarks from time to time to who asks for them', async () => {
    const seen = await watch(`${CONFIG_MAPS}?watch=true&allowWatchBookmarks=true`)
    await served.until(() => seen.events.some((e) => e.type === 'BOOKMARK'), 5000)
    const { object } = seen.events.find((e) => e.type === 'BOOKMARK')
    expect(object).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion: expect.stringMatching(/^\d+$/), creationTimestamp: null } })
    seen.tear()
  })

  it('has no initial events of the WatchList feature, which v1.33 has switched off', async () => {
    const refused = await served.ask(`${CONFIG_MAPS}?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`)
    expect(refused.json).toMatchObject({ code: 422, reason: 'Invalid', message: expect.stringContaining('unless the WatchList feature gate is enabled') })
  })

  it('ends when its time is over', async () => {
    const seen = await watch(`${CONFIG_MAPS}?watch=true&timeoutSeconds=5`)
    await served.until(() => seen.ended, 1000)
    expect(seen.events.every((e) => e.type === 'ADDED')).toBe(true)
  })

  it('of a client that has gone leaves nothing behind, however it went', async () => {
    await eventually(() => served.open === 0)
    const many = await Promise.all(Array.from({ length: 50 }, () => watch('/api/v1/pods?watch=1')))
    expect(served.open).toBe(50)
    many.forEach((one, n) => (n % 2 ? one.tear() : one.response.destroy()))
    await eventually(() => served.open === 0)
  })

  it('cuts off a client that does not read', { timeout: 300_000 }, async () => {
    const idle = await served.begin(`${CONFIG_MAPS}?watch=true`)
    idle.on('error', () => undefined)
    idle.socket.pause()
    const data = { text: 'x'.repeat(900_000) }
    await served.send('POST', CONFIG_MAPS, { metadata: { name: 'fat' }, data })
    for (let n = 0; n < 120 && served.open > 0; n++) {
      await served.send('PATCH', `${CONFIG_MAPS}/fat`, { metadata: { labels: { n: String(n) } } }, { 'Content-Type': 'application/merge-patch+json' })
    }
    await eventually(() => served.open === 0)
    idle.destroy()
  })
})

describe('lists and writes over HTTPS', () => {
  let served: Served
  beforeAll(async () => {
    served = await new Served().start()
  })
  afterAll(() => served.close())

  it('come in pieces', async () => {
    for (const name of ['a', 'b', 'c']) await served.send('POST', CONFIG_MAPS, { metadata: { name, labels: { set: 'pieces' } } })
    const first = (await served.ask(`${CONFIG_MAPS}?limit=2&labelSelector=set=pieces`)).json
    expect(first.items.map((i: { metadata: { name: string } }) => i.metadata.name)).toEqual(['a', 'b'])
    const rest = (await served.ask(`${CONFIG_MAPS}?limit=2&labelSelector=set=pieces&continue=${encodeURIComponent(first.metadata.continue)}`)).json
    expect(rest.items.map((i: { metadata: { name: string } }) => i.metadata.name)).toEqual(['c'])
    expect(rest.metadata.continue).toBeUndefined()
  })

  it('a collection is deleted by its selector, or not when it is a dry run', async () => {
    const left = async (): Promise<number> => (await served.ask(`${CONFIG_MAPS}?labelSelector=set=pieces`)).json.items.length
    const dry = await served.ask(`${CONFIG_MAPS}?labelSelector=set=pieces&dryRun=All`, { method: 'DELETE' })
    expect([dry.status, await left()]).toEqual([200, 3])
    const gone = await served.ask(`${CONFIG_MAPS}?labelSelector=set=pieces`, { method: 'DELETE' })
    expect(gone.json).toMatchObject({ kind: 'ConfigMapList', apiVersion: 'v1', items: [{}, {}, {}] })
    expect(await left()).toBe(0)
    expect((await served.ask(`${CONFIG_MAPS}/kube-root-ca.crt`)).status).toBe(200)
  })

  it('PUT changes what is there, and makes only kinds that may be made so', async () => {
    const missing = await served.send('PUT', `${CONFIG_MAPS}/none`, { metadata: { name: 'none' } })
    expect(missing.json).toMatchObject({ code: 404, message: 'configmaps "none" not found' })
    const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases/mine'
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'mine' }, spec: { holderIdentity: 'me' } }
    expect((await served.send('PUT', path, lease)).status).toBe(201)
    expect((await served.send('PUT', path, { ...lease, spec: { holderIdentity: 'you' } })).status).toBe(200)
  })

  it('an apply makes with 201 and changes with 200', async () => {
    const apply = (data: object) => served.ask(`${CONFIG_MAPS}/applied?fieldManager=test`, { method: 'PATCH', body: `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied}\ndata: ${JSON.stringify(data)}\n`, headers: { 'Content-Type': 'application/apply-patch+yaml' } })
    expect((await apply({ a: '1' })).status).toBe(201)
    expect((await apply({ a: '2' })).status).toBe(200)
  })

  it('warnings go into headers', async () => {
    const answer = await served.send('POST', CONFIG_MAPS, { metadata: { name: 'warned' }, unheard: 1 })
    expect(answer.status).toBe(201)
    expect(answer.headers['warning']).toBe('299 - "unknown field \\"unheard\\""')
    expect((await served.send('POST', `${CONFIG_MAPS}?fieldValidation=Strict`, { metadata: { name: 'strict' }, unheard: 1 })).status).toBe(400)
  })

  it('is pretty for people and for who asks', async () => {
    expect((await served.ask('/version')).text).not.toContain('\n  "')
    expect((await served.ask('/version?pretty=true')).text).toContain('\n  "gitVersion": "v1.33')
    expect((await served.ask('/version', { headers: { 'User-Agent': 'curl/8.5.0' } })).text).toContain('\n  "')
    expect((await served.ask('/version?pretty=false', { headers: { 'User-Agent': 'curl/8.5.0' } })).text).not.toContain('\n  "')
  })

  it('HEAD has no body, and methods that there are not are 405', async () => {
    const head = await served.ask('/version', { method: 'HEAD' })
    expect([head.status, head.text]).toEqual([200, ''])
    const options = await served.ask('/api/v1/pods', { method: 'OPTIONS' })
    expect(options.json).toMatchObject({ code: 405, reason: 'MethodNotAllowed', message: 'the server does not allow this method on the requested resource' })
    expect((await served.ask('/api/v1/nodes/worker-1', { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } })).status).toBe(405)
  })

  it.each(['/api/v1/namespaces/default/resourcequotas', '/apis/storage.k8s.io/v1/csidrivers/x', '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas'])('%s is said not to be simulated', async (path) => {
    const answer = await served.ask(path)
    expect(answer.json).toMatchObject({ kind: 'Status', code: 404, reason: 'NotFound', message: expect.stringMatching(/^podhop: not simulated: resource \S+ \(kinds that Podhop serves: kubectl api-resources\)$/) })
  })
})
