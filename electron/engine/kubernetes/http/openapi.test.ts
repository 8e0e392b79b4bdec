import { describe, expect, it } from 'vitest'
import { parseClusterConfig } from '../../config.ts'
import { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'
import { answerRequest } from './handler.ts'

const cluster = new SimulatedCluster(parseClusterConfig({ nodes: 1 }))

function ask(accept?: string): { status: number; type: string; body: Uint8Array } {
  const [parts, answer] = [[] as Uint8Array[], { status: 0, type: '', body: new Uint8Array(0) }]
  answerRequest({ clock: cluster.clock, client: cluster.client }, { method: 'GET', target: '/openapi/v2', ...(accept ? { accept } : {}), body: new Uint8Array(0) }, {
    head: (status, headers) => void Object.assign(answer, { status, type: headers.find(([name]) => name === 'Content-Type')?.[1] }),
    data: (chunk) => void parts.push(typeof chunk === 'string' ? encodeUtf8(chunk) : chunk),
    end: () => undefined,
  })
  return { ...answer, body: concatBytes(parts) }
}

/** The fields of a message, by number: lists of bytes, or of numbers. */
function fields(bytes: Uint8Array): Map<number, (Uint8Array | number)[]> {
  const found = new Map<number, (Uint8Array | number)[]>()
  let at = 0
  const varint = (): number => {
    let [value, factor] = [0, 1]
    for (;;) {
      const byte = bytes[at++]!
      value += (byte & 127) * factor
      if (byte < 128) return value
      factor *= 128
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const wire = tag % 8
    let value: Uint8Array | number
    if (wire === 0) value = varint()
    else if (wire === 1) value = bytes.subarray(at, (at += 8))
    else {
      const length = varint()
      value = bytes.subarray(at, (at += length))
    }
    found.set(tag >> 3, [...(found.get(tag >> 3) ?? []), value])
  }
  expect(at).toBe(bytes.length)
  return found
}
const first = (message: Map<number, (Uint8Array | number)[]>, number: number): Uint8Array => message.get(number)![0] as Uint8Array
const text = (message: Map<number, (Uint8Array | number)[]>, number: number): string => decodeUtf8(first(message, number))
const named = (list: (Uint8Array | number)[]): Map<string, Uint8Array> => new Map(list.map((one) => {
  const entry = fields(one as Uint8Array)
  return [text(entry, 1), first(entry, 2)]
}))

describe('/openapi/v2', () => {
  it('is JSON, or protobuf for who asks for that, under either name', () => {
    expect(ask().type).toBe('application/json')
    expect(ask('application/json').type).toBe('application/json')
    for (const name of ['v2@v1.0', 'v2.v1.0']) {
      expect(ask(`application/com.github.proto-openapi.spec.${name}+protobuf`).type).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf')
    }
    expect(ask('text/xml').status).toBe(406)
  })

  it('says in JSON what Swagger 2.0 can say', () => {
    const { swagger, definitions, paths } = JSON.parse(decodeUtf8(ask().body)) as { swagger: string; definitions: Record<string, any>; paths: Record<string, any> } // eslint-disable-line @typescript-eslint/no-explicit-any
    expect(swagger).toBe('2.0')
    expect(definitions['io.k8s.apimachinery.pkg.util.intstr.IntOrString']).toMatchObject({ type: 'string', format: 'int-or-string' })
    expect(definitions['io.k8s.api.core.v1.PodSpec'].properties.containers).toMatchObject({ type: 'array', items: { $ref: '#/definitions/io.k8s.api.core.v1.Container' } })
    expect(definitions['io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps'].properties).toMatchObject({ oneOf: { type: 'array' }, allOf: { type: 'array' }, $ref: { type: 'string' } })
    const { patch } = paths['/api/v1/namespaces/{namespace}/pods/{name}']
    expect(patch.parameters).toContainEqual({ in: 'query', name: 'fieldValidation', type: 'string', uniqueItems: true })
    expect(patch.responses['200']).toEqual({ description: 'OK', schema: { $ref: '#/definitions/io.k8s.api.core.v1.Pod' } })
    expect(decodeUtf8(ask().body)).not.toContain('#/components/')
  })

  it('says the same in protobuf', () => {
    const json = JSON.parse(decodeUtf8(ask().body)) as { definitions: Record<string, unknown>; paths: Record<string, unknown> }
    const document = fields(ask('application/com.github.proto-openapi.spec.v2@v1.0+protobuf').body)
    expect(text(document, 1)).toBe('2.0')
    const definitions = named(fields(first(document, 9)).get(1)!)
    expect([...definitions.keys()]).toEqual(Object.keys(json.definitions))
    expect([...named(fields(first(document, 8)).get(2)!).keys()]).toEqual(Object.keys(json.paths))
    const pod = fields(definitions.get('io.k8s.api.core.v1.Pod')!)
    expect(text(fields(first(pod, 22)), 1)).toBe('object')
    const properties = named(fields(first(pod, 25)).get(1)!)
    expect([...properties.keys()]).toEqual(['apiVersion', 'kind', 'metadata', 'spec', 'status'])
    expect(text(fields(properties.get('spec')!), 1)).toBe('#/definitions/io.k8s.api.core.v1.PodSpec')
    const extension = named(pod.get(31)!).get('x-kubernetes-group-version-kind')!
    expect(JSON.parse(text(fields(extension), 2))).toEqual([{ group: '', kind: 'Pod', version: 'v1' }])
  })

  it('is made once', () => {
    const parts = (): (string | Uint8Array)[] => {
      const found: (string | Uint8Array)[] = []
      const request = { method: 'GET', target: '/openapi/v2', accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf', body: new Uint8Array(0) }
      answerRequest({ clock: cluster.clock, client: cluster.client }, request, { head: () => undefined, data: (chunk) => void found.push(chunk), end: () => undefined })
      return found
    }
    expect(parts()[0]).toBe(parts()[0])
  })
})
