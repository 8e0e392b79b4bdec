import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { ApiServer } from './api-server.ts'
import { StatusError } from './client.ts'
import { MANIFESTS } from './manifests.samples.ts'
import type { KubeObject, Status } from './types.ts'

/**
 * Valid manifests of every kind, spoilt somewhere: each is taken or refused in the API server's way, never a crash, and
 * what is refused changes nothing. `npm run test:deep` tries many more.
 */
const DEEP = process.env['PODHOP_DEEP'] !== undefined
/** Quick runs are the same each time. */
const RUNS = DEEP ? { numRuns: Number(process.env['PODHOP_DEEP']) > 1 ? Number(process.env['PODHOP_DEEP']) : 1000 } : { numRuns: 12, seed: 1 }

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Every place in a value, as a path. */
function places(value: Json, path: (string | number)[] = []): (string | number)[][] {
  const below = Array.isArray(value) ? value.flatMap((v, i) => places(v, [...path, i])) : typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([k, v]) => places(v, [...path, k])) : []
  return path.length === 0 ? below : [path, ...below]
}

const ODD = fc.oneof(
  fc.constantFrom<Json>(
    null, true, false, 0, -1, 1.5, 65536, 2 ** 31, 2 ** 53, 1e400, -0, '', ' ', 'x', 'UPPER', '-', 'a'.repeat(300), 'ü', '\u0000', '\ud800', '0', '-1', '1e3', '999999999999999999999', '50%', '101%', '-5%',
    '10.0.0.1', '10.0.0.0/33', '::1', 'fe80::/10', '300.1.1.1', 'a/b/c', '__proto__', 'constructor', 'toString', '$(X)', '2026-02-30T00:00:00Z', 'never', '@daily', [], {}, [null], [[]], [{}], { a: null }, { __proto__: 1 },
  ),
  fc.string({ maxLength: 12 }),
  fc.integer(),
  fc.double(),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
)

interface Mutation {
  kind: 'delete' | 'replace' | 'duplicate' | 'nest' | 'rename' | 'wrap' | 'add' | 'swap'
  at: number
  other: number
  value: Json
  key: string
}
const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('delete', 'replace', 'replace', 'replace', 'duplicate', 'nest', 'rename', 'wrap', 'add', 'swap'),
  at: fc.nat(),
  other: fc.nat(),
  value: ODD,
  key: fc.oneof(fc.constantFrom('__proto__', 'constructor', 'hasOwnProperty', 'spec', 'status', 'metadata', 'kind', 'name', 'Name', 'generateName', 'finalizers', 'ownerReferences', 'deletionTimestamp', 'uid', 'resourceVersion', 'managedFields'), fc.string({ maxLength: 6 })),
})

function spoil(manifest: Json, { kind, at, other, value: given, key }: Mutation): void {
  // the next mutation may change it: constants stay what they are
  const value = structuredClone(given)
  const all = places(manifest)
  if (all.length === 0) return
  const path = all[at % all.length]!
  const parent = path.slice(0, -1).reduce((v, k) => (v as { [key: string]: Json })[k]!, manifest) as { [key: string | number]: Json }
  const last = path[path.length - 1]!
  const set = (target: object, name: string | number, to: Json): void => void Object.defineProperty(target, name, { value: to, enumerable: true, configurable: true, writable: true })
  const here = parent[last]!
  if (kind === 'delete') {
    if (Array.isArray(parent)) parent.splice(last as number, 1)
    else delete parent[last]
  } else if (kind === 'replace') set(parent, last, value)
  else if (kind === 'duplicate' && Array.isArray(parent)) parent.push(structuredClone(here))
  else if (kind === 'nest') set(parent, last, { [typeof last === 'string' ? last : 'x']: here })
  else if (kind === 'wrap') set(parent, last, [here])
  else if (kind === 'rename' && !Array.isArray(parent)) {
    delete parent[last]
    set(parent, key, here)
  } else if (kind === 'add' && typeof here === 'object' && here !== null && !Array.isArray(here)) set(here, key, value)
  else if (kind === 'swap') {
    const source = all[other % all.length]!
    const found = source.reduce<Json | undefined>((v, k) => (v as { [key: string]: Json } | undefined)?.[k], manifest)
    if (found !== undefined) set(parent, last, structuredClone(found))
  }
}

function server(): ApiServer {
  return new ApiServer(new Clock({ seed: 1 }), { freeze: true })
}

function snapshot(api: ApiServer): string {
  return JSON.stringify([api.store.version, api.resources().map((r) => api.store.list(r.name, undefined))])
}

/** What a refusal must look like; "undefined field 'x'" are the words of CEL's checker. */
function checkStatus(status: Status): void {
  expect(status).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure' })
  expect(status.code).toBeGreaterThanOrEqual(400)
  expect(status.message).not.toMatch(/undefined(?! field ')|\[object Object\]|NaN is|is not a function|Cannot read/)
  if (status.code === 422) {
    expect(status.reason).toBe('Invalid')
    expect(status.details?.causes?.length).toBeGreaterThan(0)
    for (const cause of status.details!.causes!) expect(cause).toMatchObject({ reason: expect.stringMatching(/./), message: expect.stringMatching(/./), field: expect.any(String) })
  } else if (status.code === 400) expect(status.message).toMatch(/cannot be handled as a|does not match|was undeterminable|declared merge key|couldn't get version|decoding|unable to|invalid|nil|must|cannot/)
}

function attempt(api: ApiServer, act: () => KubeObject): void {
  const before = snapshot(api)
  try {
    const made = act()
    expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
    // What was taken can be shown, and read back as it is.
    JSON.stringify(made)
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    checkStatus(error.status)
    expect(snapshot(api)).toBe(before)
  }
}

const kinds = server().resources().filter((r) => r.verbs.includes('create') && r.verbs.includes('list'))

describe('manifests that are spoilt', () => {
  it('are tried of every kind', () => {
    expect(kinds.map((r) => r.name).filter((name) => !(name in MANIFESTS))).toEqual([])
  })

  for (const { name, namespaced } of kinds.filter((r) => r.name in MANIFESTS)) {
    const namespace = namespaced ? 'default' : undefined
    const manifest = MANIFESTS[name] as Json & object

    it(`of ${name} are taken or refused, without a trace`, () => {
      const sound = server()
      const made = sound.create<KubeObject>(name, namespace, structuredClone(manifest))
      sound.table(name, { ...(namespace ? { namespace } : {}) })
      fc.assert(
        fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), fc.boolean(), (mutations, strict) => {
          const api = server()
          const body = structuredClone(manifest)
          for (const m of mutations) spoil(body, m)
          const fieldValidation = strict ? 'Strict' : 'Warn'
          attempt(api, () => api.create(name, namespace, structuredClone(body), { fieldValidation }))
          api.table(name, namespace ? { namespace } : {})
          const present = server()
          present.create(name, namespace, structuredClone(manifest))
          attempt(present, () => present.update(name, namespace, made.metadata.name, structuredClone(body), { fieldValidation }))
          attempt(present, () => present.patch(name, namespace, made.metadata.name, 'application/strategic-merge-patch+json', structuredClone(body), { fieldValidation }))
          attempt(present, () => present.patch(name, namespace, made.metadata.name, 'application/merge-patch+json', structuredClone(body), { fieldValidation }))
          present.table(name, namespace ? { namespace } : {})
        }),
        RUNS,
      )
    })
  }
})
