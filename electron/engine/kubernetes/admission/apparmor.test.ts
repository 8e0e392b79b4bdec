import { expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'
import type { Pod } from '../types.ts'

const PREFIX = 'container.apparmor.security.beta.kubernetes.io/'

/** What becomes of annotations and of the fields of the Pod and of its two containers. */
function made(annotations: Record<string, string>, ofPod?: object, ofFirst?: object): unknown {
  const containers = [{ name: 'a', image: 'nginx', ...(ofFirst ? { securityContext: { appArmorProfile: ofFirst } } : {}) }, { name: 'b', image: 'nginx' }]
  const pod = new ApiServer(new Clock({ seed: 1 }), { freeze: true }).create<Pod>('pods', 'default', {
    apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', annotations: Object.fromEntries(Object.entries(annotations).map(([name, value]) => [PREFIX + name, value])) },
    spec: { ...(ofPod ? { securityContext: { appArmorProfile: ofPod } } : {}), containers },
  })
  const short = Object.entries(pod.metadata.annotations ?? {}).map(([key, value]) => [key.slice(PREFIX.length), value])
  return [Object.fromEntries(short), pod.spec.containers.map((c) => (c.securityContext as { appArmorProfile?: unknown } | undefined)?.appArmorProfile)]
}

it('makes fields of the annotations of AppArmor and annotations of its fields', () => {
  expect(made({ a: 'runtime/default', b: 'localhost/k8s-nginx' })).toEqual([{ a: 'runtime/default', b: 'localhost/k8s-nginx' }, [{ type: 'RuntimeDefault' }, { type: 'Localhost', localhostProfile: 'k8s-nginx' }]])
  expect(made({}, { type: 'Unconfined' }, { type: 'RuntimeDefault' })).toEqual([{ a: 'runtime/default', b: 'unconfined' }, [{ type: 'RuntimeDefault' }, undefined]])
  expect(made({ a: 'unconfined' }, { type: 'Unconfined' })).toEqual([{ a: 'unconfined', b: 'unconfined' }, [undefined, undefined]])
  expect(made({ a: 'bogus' })).toEqual([{ a: 'bogus' }, [undefined, undefined]])
  expect(made({})).toEqual([{}, [undefined, undefined]])
})
