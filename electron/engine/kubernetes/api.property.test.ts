import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { ApiServer } from './api-server.ts'
import { StatusError, type WatchEvent } from './client.ts'
import type { ConfigMap, KubeObject } from './types.ts'

/**
 * Several clients at once, each with its own idea of what is there, against a model that is a map of what was last
 * written: no update is lost, nobody overwrites what they have not seen, and every watch, page and bookmark tells of the
 * same world. `npm run test:deep` tries many more.
 */
const RUNS = process.env['PODHOP_DEEP'] ? { numRuns: 5000 } : { numRuns: 120, seed: 1 }
const RESOURCE = 'secrets'
const NAMES = ['a', 'a-b', 'b', 'c']
const NAMESPACES = ['default', 'default-2', 'kube-public']
const KEEP = 'example.com/keep'

const operation = fc.record({
  verb: fc.constantFrom('read', 'create', 'update', 'update', 'patch', 'delete', 'finalize', 'foreground', 'wait', 'watch', 'page'),
  client: fc.nat(2),
  namespace: fc.constantFrom(...NAMESPACES),
  name: fc.constantFrom(...NAMES),
  value: fc.nat(3),
  finalizer: fc.boolean(),
})
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace}/${metadata.name}`
const byKey = (a: KubeObject, b: KubeObject): number => (keyOf(a) < keyOf(b) ? -1 : 1)
const labelOf = (object: KubeObject): string => object.metadata.labels?.['value'] ?? ''

function codeOf(run: () => unknown): number {
  try {
    run()
    return 200
  } catch (error) {
    if (error instanceof StatusError) return error.status.code
    throw error
  }
}

/** What somebody knows who lists at a version and watches from there. */
class Follower {
  readonly known = new Map<string, KubeObject>()
  readonly #selector: string | undefined
  #version = 0

  constructor(api: ApiServer, selector: string | undefined, options: { from?: string; known?: readonly KubeObject[] } = {}) {
    this.#selector = selector
    for (const object of options.known ?? []) this.known.set(keyOf(object), object)
    this.#version = Number(options.from ?? 0)
    const from = options.from === undefined ? {} : { resourceVersion: options.from }
    api.watch<KubeObject>(RESOURCE, { ...from, ...(selector ? { labelSelector: selector } : {}), allowWatchBookmarks: true }, (event) => this.#take(event))
  }

  #take(event: WatchEvent): void {
    if (event.type === 'ERROR') throw new Error(event.status.message)
    if (event.type === 'BOOKMARK') {
      // Bookmarks never go back, and never ahead of what was told.
      expect(Number(event.resourceVersion)).toBeGreaterThanOrEqual(this.#version)
      this.#version = Number(event.resourceVersion)
      return
    }
    const { object, type } = event
    const key = keyOf(object)
    expect(this.known.has(key)).toBe(type !== 'ADDED')
    const version = Number(object.metadata.resourceVersion)
    if (type === 'MODIFIED') expect(version).toBeGreaterThan(Number(this.known.get(key)!.metadata.resourceVersion))
    if (type === 'DELETED') this.known.delete(key)
    else this.known.set(key, object)
    this.#version = Math.max(this.#version, type === 'ADDED' && this.known.size > 0 ? this.#version : version)
  }

  check(api: ApiServer): void {
    const now = api.list(RESOURCE, this.#selector ? { labelSelector: this.#selector } : {}).items
    expect([...this.known.values()].sort(byKey)).toEqual(now)
  }
}

class Scene {
  readonly clock = new Clock({ seed: 1 })
  readonly api = new ApiServer(this.clock, { freeze: true })
  /** What was last written, and what is not yet gone. */
  readonly model = new Map<string, { value: string; version: string; deleting: boolean; finalizers: boolean }>()
  /** What each client read last. */
  readonly views: Map<string, ConfigMap>[] = [new Map(), new Map(), new Map()]
  readonly followers: Follower[] = []
  readonly past: { version: string; items: readonly KubeObject[] }[] = []

  constructor() {
    this.api.create('namespaces', undefined, { metadata: { name: 'default-2' } })
    this.followers.push(new Follower(this.api, undefined), new Follower(this.api, 'value=1'))
  }

  run({ verb, client, namespace, name, value, finalizer }: Operation): void {
    const { api, model } = this
    const key = `${namespace}/${name}`
    const present = model.get(key)
    const view = this.views[client]!
    const labels = { value: String(value) }
    const write = (act: () => KubeObject): void => {
      const made = act() as ConfigMap
      view.set(key, made)
      this.#wrote(key, made)
    }
    switch (verb) {
      case 'read': {
        const code = codeOf(() => view.set(key, api.get(RESOURCE, namespace, name)))
        expect(code).toBe(present ? 200 : 404)
        if (present) expect([labelOf(view.get(key)!), view.get(key)!.metadata.resourceVersion]).toEqual([present.value, present.version])
        return
      }
      case 'create': {
        const code = codeOf(() => write(() => api.create(RESOURCE, namespace, { metadata: { name, labels, ...(finalizer ? { finalizers: [KEEP] } : {}) } })))
        return expect(code).toBe(present ? 409 : 200)
      }
      case 'update': {
        const seen = view.get(key)
        if (!seen) return
        const before = present?.version
        const code = codeOf(() => write(() => api.update(RESOURCE, namespace, name, { ...seen, metadata: { ...seen.metadata, labels } })))
        // Only who has seen the latest may write.
        if (!present) expect(code).toBe(404)
        else if (before !== seen.metadata.resourceVersion) expect(code).toBe(409)
        else expect(code).toBe(200)
        return
      }
      case 'patch':
        return expect(codeOf(() => write(() => api.patch(RESOURCE, namespace, name, 'application/merge-patch+json', { metadata: { labels } })))).toBe(present ? 200 : 404)
      case 'finalize': {
        const finalizers = finalizer && !present?.deleting ? [KEEP] : null
        return expect(codeOf(() => write(() => api.patch(RESOURCE, namespace, name, 'application/merge-patch+json', { metadata: { finalizers } })))).toBe(present ? 200 : 404)
      }
      case 'delete':
      case 'foreground': {
        const code = codeOf(() => {
          const answer = api.delete(RESOURCE, namespace, name, verb === 'foreground' ? { propagationPolicy: 'Foreground' } : { propagationPolicy: 'Background' })
          if (answer.kind === 'Status') model.delete(key)
          else this.#wrote(key, answer as KubeObject)
        })
        return expect(code).toBe(present ? 200 : 404)
      }
      case 'wait':
        this.clock.runFor(value * 20_000)
        return this.followers.forEach((f) => f.check(api))
      case 'watch': {
        const selector = finalizer ? `value=${value}` : undefined
        const list = api.list(RESOURCE, selector ? { labelSelector: selector } : {})
        this.past.push({ version: api.list(RESOURCE).resourceVersion, items: api.list(RESOURCE).items })
        this.followers.push(new Follower(api, selector, { from: list.resourceVersion, known: list.items }))
        return
      }
      case 'page':
        return this.#page(value + 1, finalizer ? namespace : undefined)
    }
  }

  #wrote(key: string, object: KubeObject): void {
    const { metadata } = object
    const finalizers = (metadata.finalizers ?? []).length > 0
    if (metadata.deletionTimestamp && !finalizers) this.model.delete(key)
    else this.model.set(key, { value: labelOf(object), version: metadata.resourceVersion, deleting: metadata.deletionTimestamp !== undefined, finalizers })
  }

  /** Pages of a list are together the list of the first page's moment, whatever is written between them. */
  #page(limit: number, namespace: string | undefined): void {
    const { api } = this
    const scope = namespace === undefined ? {} : { namespace }
    const whole = api.list(RESOURCE, scope).items
    const items: KubeObject[] = []
    let token: string | undefined
    let turn = 0
    do {
      const page = api.list(RESOURCE, { ...scope, limit, ...(token ? { continue: token } : {}) })
      items.push(...page.items)
      if (page.continue) expect(page.remainingItemCount).toBe(whole.length - items.length)
      token = page.continue
      this.run({ verb: 'patch', client: 0, namespace: 'default', name: NAMES[turn % NAMES.length]!, value: turn++ % 4, finalizer: false })
      this.run({ verb: turn % 2 ? 'delete' : 'create', client: 1, namespace: 'default-2', name: NAMES[turn % NAMES.length]!, value: 1, finalizer: false })
    } while (token)
    expect(items).toEqual(whole)
  }

  check(): void {
    const { api } = this
    this.clock.settle()
    const now = new Map(api.list<KubeObject>(RESOURCE).items.map((o) => [keyOf(o), o]))
    expect([...now.keys()].sort()).toEqual([...this.model.keys()].sort())
    for (const [key, { value, version }] of this.model) expect([labelOf(now.get(key)!), now.get(key)!.metadata.resourceVersion]).toEqual([value, version])
    for (const follower of this.followers) follower.check(api)
    for (const { version, items } of this.past) {
      try {
        expect(api.list(RESOURCE, { resourceVersion: version, resourceVersionMatch: 'Exact' }).items).toEqual(items)
      } catch (error) {
        if (!(error instanceof StatusError && error.status.code === 410)) throw error
      }
      const late = codeOf(() => this.followers.push(new Follower(api, undefined, { from: version, known: items })))
      expect(late).toBe(200)
    }
    this.clock.settle()
    for (const follower of this.followers) follower.check(api)
  }
}

describe('the API server, used by several clients', () => {
  it('loses nothing, tells everybody the same, and lets nobody overwrite the unseen', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const scene = new Scene()
        for (const each of operations) scene.run(each)
        scene.check()
      }),
      RUNS,
    )
  })
})
