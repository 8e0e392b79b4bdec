import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { KubeApi, RemoteSession } from './api-calls.ts'
import { Desk, eventually } from './desk.samples.ts'

const desks: Desk[] = []
const desk = (options: ConstructorParameters<typeof Desk>[0] = {}): Desk => {
  const made = new Desk(options)
  desks.push(made)
  return made
}
afterEach(() => {
  for (const made of desks.splice(0)) made.session.close()
})

const PODS = '/api/v1/namespaces/default/pods'

/** What the answer to a request is; a watch's or a followed log's, so far. */
function ask(api: KubeApi, method: string, target: string, body?: object): { status: number; text: string; abort(): void } {
  const answer = { status: 0, text: '', abort: () => call.abort() }
  const call = api.request({ method, target, contentType: 'application/json', body: Buffer.from(body ? JSON.stringify(body) : '') }, {
    head: (status) => void (answer.status = status),
    data: (chunk) => void (answer.text += chunk),
    end: () => undefined,
    lost: () => undefined,
  })
  return answer
}

function exec(api: KubeApi, command: string[]): { session: RemoteSession; text(): string; ended(): boolean } {
  let [text, ended] = ['', false]
  const session = api.session({ namespace: 'default', pod: 'web', command, tty: true, stdin: true, stdout: true, stderr: false }, {
    output: (_descriptor, data) => void (text += Buffer.from(data).toString()),
    end: () => void (ended = true),
  })
  return { session, text: () => text, ended: () => ended }
}

async function withWeb(): Promise<Desk> {
  const made = desk()
  await made.session.open(null)
  expect(ask(made.session.kubeApi!, 'POST', PODS, { metadata: { name: 'web' }, spec: { containers: [{ name: 'web', image: 'nginx' }] } }).status).toBe(201)
  await made.type('kubectl wait --for=condition=Ready pod/web', /condition met/)
  return made
}

describe('what real clients did', () => {
  it('is in the world that is made again after a kill; what they had under way is over', async () => {
    const first = await withWeb()
    const api = first.session.kubeApi!
    ask(api, 'GET', `${PODS}?watch=true`)
    ask(api, 'GET', `${PODS}/web/log?follow=true`)
    const shell = exec(api, ['sh'])
    shell.session.resize(70, 20)
    shell.session.stdin(Buffer.from('echo kept > /tmp/note; stty size\r'))
    await eventually(() => shell.text().includes('20 70'), () => (first.session.input({ kind: 'time', advance: 100 }), shell.text()))
    let stands = false
    const forward = api.forward('default', 'web', { open: () => (stands = true), end: () => undefined })
    await eventually(() => stands, () => (first.session.input({ kind: 'time', advance: 100 }), 'the port-forward'))
    forward.connect(80, { data: () => undefined, end: () => undefined, closed: () => undefined }).send(Buffer.from('GET / HTTP/1.1\r\n'))
    ask(api, 'POST', '/api/v1/namespaces/default/configmaps', { metadata: { generateName: 'made-' } })
    expect(api.open).toBe(5)
    const names = (d: Desk): string[] => d.session.cluster!.client.list('configmaps', { namespace: 'default' }).items.map((o) => `${o.metadata.name} ${o.metadata.uid} ${o.metadata.resourceVersion}`)
    const before = names(first)
    first.close()

    const second = desk({ folder: first.killed() })
    await second.session.open(null)
    expect(second.notices).toEqual([])
    expect(names(second)).toEqual(before)
    const again = second.session.kubeApi!
    expect(again.open).toBe(0)
    // the shell that was open has ended, and what it wrote is there
    const cat = exec(again, ['cat', '/tmp/note'])
    await eventually(() => cat.ended(), () => (second.session.input({ kind: 'time', advance: 100 }), cat.text()))
    expect(cat.text()).toContain('kept')
  })

  it('is not in the log when it only looks', async () => {
    const one = await withWeb()
    one.close()
    const size = (): number => statSync(join(one.folder, 'sessions', 'free.jsonl')).size
    const [two, before] = [desk({ folder: one.folder }), size()]
    await two.session.open(null)
    for (let n = 0; n < 1000; n++) expect(ask(two.session.kubeApi!, 'GET', `${PODS}?n=${n}`).status).toBe(200)
    two.close()
    expect(size() - before).toBeLessThan(1000)
  })

  it('ends with its world', async () => {
    const one = await withWeb()
    const shell = exec(one.session.kubeApi!, ['sh'])
    await one.session.reset(false)
    expect(shell.ended()).toBe(true)
    expect(one.session.kubeApi!.open).toBe(0)
    // what still comes from that client has nowhere to go
    shell.session.stdin(Buffer.from('exit\r'))
    shell.session.abort()
    expect(one.notices).toEqual([])
  })
})
