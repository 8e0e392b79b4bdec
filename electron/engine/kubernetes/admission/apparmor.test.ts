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
  expect(made({ a: 'localhost/' })).toEqual([{ a: 'localhost/' }, [undefined, undefined]])
  expect(made({})).toEqual([{}, [undefined, undefined]])
})

const KEY = `metadata.annotations[${PREFIX}a]`
const DEPRECATED = 'deprecated since v1.30; use the "appArmorProfile" field instead'

/** What the server warns of, and what it refuses. */
function told(kind: 'pods' | 'deployments', annotations: Record<string, string>, spec: object = {}): string[] {
  const out: string[] = []
  const template = { metadata: { labels: { app: 'p' }, annotations }, spec: { containers: [{ name: 'a', image: 'nginx' }], ...spec } }
  const object = kind === 'pods' ? { metadata: { ...template.metadata, name: 'p' }, spec: template.spec } : { metadata: { name: 'p' }, spec: { selector: { matchLabels: { app: 'p' } }, template } }
  try {
    new ApiServer(new Clock({ seed: 1 }), { freeze: true }).create(kind, 'default', object, { onWarning: (text) => out.push(text) })
  } catch (error) {
    out.push((error as Error).message)
  }
  return out
}

it('warns of annotations that a field should say, and refuses what is none or fits nowhere', () => {
  const a = `${PREFIX}a`
  expect(told('pods', { [a]: 'runtime/default' })).toEqual([`${KEY}: ${DEPRECATED}`])
  expect(told('deployments', { [a]: 'runtime/default' })).toEqual([`spec.template.${KEY}: ${DEPRECATED}`])
  expect(told('pods', { [a]: 'unconfined' }, { securityContext: { appArmorProfile: { type: 'Unconfined' } } })).toEqual([])
  expect(told('pods', { [a]: 'bogus' })).toEqual([`${KEY}: ${DEPRECATED}`, `Pod "p" is invalid: ${KEY}: Invalid value: "bogus": invalid AppArmor profile name: "bogus"`])
  expect(told('pods', { [`${PREFIX}z`]: 'unconfined' })).toEqual([`Pod "p" is invalid: metadata.annotations[${PREFIX}z]: Invalid value: "z": container not found`])
  expect(told('deployments', { [`${PREFIX}z`]: 'x' })).toEqual([`Deployment.apps "p" is invalid: [spec.template.annotations[${PREFIX}z]: Invalid value: "z": container not found, spec.template.annotations[${PREFIX}z]: Invalid value: "x": invalid AppArmor profile name: "x"]`])
  expect(told('deployments', { [a]: 'unconfined' }, { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } })).toEqual([
    'Deployment.apps "p" is invalid: spec.template.spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match',
  ])
  expect(told('pods', {}, { securityContext: { appArmorProfile: { type: 'Localhost' }, seccompProfile: { type: 'Loud' } } })).toEqual([
    'Pod "p" is invalid: [spec.securityContext.seccompProfile.type: Unsupported value: "Loud": supported values: "Localhost", "RuntimeDefault", "Unconfined", spec.securityContext.appArmorProfile.localhostProfile: Required value: must be set when AppArmor type is Localhost]',
  ])
})

it('warns of volumes and annotations of long ago, and of files of one volume in one place', () => {
  const volumes = [
    { name: 'r', rbd: { monitors: ['m'], image: 'i' } }, { name: 'g', gitRepo: { repository: 'r' } },
    { name: 'c', configMap: { name: 'c', items: [{ key: 'a', path: 'x' }, { key: 'b', path: 'x/y' }] } },
  ]
  const terms = { nodeSelectorTerms: [{ matchExpressions: [{ key: 'beta.kubernetes.io/os', operator: 'Exists' }] }] }
  expect(told('pods', { 'scheduler.alpha.kubernetes.io/critical-pod': '', 'seccomp.security.alpha.kubernetes.io/pod': 'x' }, { volumes, affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } } })).toEqual([
    'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key: beta.kubernetes.io/os is deprecated since v1.14; use "kubernetes.io/os" instead',
    'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
    'spec.volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+',
    'spec.volumes[1].gitRepo: deprecated in v1.11, and disabled by default in v1.33+',
    'volume "c" (ConfigMap "c"): overlapping paths: "x/y" with "x"',
    'metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead',
  ])
})
