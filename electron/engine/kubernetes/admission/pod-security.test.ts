import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'
import { StatusError } from '../client.ts'

const PREFIX = 'pod-security.kubernetes.io/'

class Server {
  readonly api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
  warnings: string[] = []

  label(labels: Record<string, string>): string {
    return this.#try(() => this.api.patch('namespaces', undefined, 'default', 'application/merge-patch+json', { metadata: { labels: Object.fromEntries(Object.entries(labels).map(([k, v]) => [PREFIX + k, v])) } }, { onWarning: (text) => this.warnings.push(text) }))
  }

  create(resource: string, name: string, spec: object): string {
    return this.#try(() => this.api.create(resource, 'default', { metadata: { name }, spec }, { onWarning: (text) => this.warnings.push(text) }))
  }

  #try(work: () => unknown): string {
    this.warnings = []
    try {
      work()
      return 'done'
    } catch (error) {
      if (error instanceof StatusError) return error.message
      throw error
    }
  }
}

const web = (more: object = {}): object => ({ name: 'web', image: 'nginx', ...more })
const GOOD = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }
const PLAIN =
  'allowPrivilegeEscalation != false (container "web" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "web" must set securityContext.capabilities.drop=["ALL"]), ' +
  'runAsNonRoot != true (pod or container "web" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "web" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'

describe('the labels of a namespace for PodSecurity', () => {
  it('refuse Pods that violate what they enforce', () => {
    const server = new Server()
    server.label({ enforce: 'restricted' })
    expect(server.create('pods', 'web', { containers: [web()] })).toBe(`pods "web" is forbidden: violates PodSecurity "restricted:latest": ${PLAIN}`)
    expect(server.create('pods', 'web', { containers: [web({ securityContext: GOOD })] })).toBe('done')
    server.label({ enforce: 'baseline' })
    expect(server.create('pods', 'plain', { containers: [web()] })).toBe('done')
    const host = { hostNetwork: true, volumes: [{ name: 'etc', hostPath: { path: '/etc' } }], containers: [web({ ports: [{ containerPort: 80, hostPort: 80 }], securityContext: { privileged: true, capabilities: { add: ['NET_ADMIN'] } } })] }
    expect(server.create('pods', 'host', host)).toBe(
      'pods "host" is forbidden: violates PodSecurity "baseline:latest": non-default capabilities (container "web" must not include "NET_ADMIN" in securityContext.capabilities.add), ' +
      'host namespaces (hostNetwork=true), hostPath volumes (volume "etc"), hostPort (container "web" uses hostPort 80), privileged (container "web" must not set securityContext.privileged=true)',
    )
    const odd = {
      hostPID: true, hostIPC: true, securityContext: { seLinuxOptions: { type: 'spc_t', user: 'root' }, appArmorProfile: { type: 'Unconfined' } }, volumes: [{ name: 'n', nfs: { server: 's', path: '/' } }],
      containers: [web({ securityContext: { ...GOOD, windowsOptions: { hostProcess: true }, seLinuxOptions: { type: 'container_engine_t' } } })],
    }
    server.label({ enforce: 'restricted' })
    expect(server.create('pods', 'odd', odd)).toBe(
      'pods "odd" is forbidden: violates PodSecurity "restricted:latest": forbidden AppArmor profiles (pod and annotation must not set AppArmor profile type to "Unconfined", "container.apparmor.security.beta.kubernetes.io/web="unconfined""), host namespaces (hostPID=true, hostIPC=true), ' +
      'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set), hostProcess (container "web" must not set securityContext.windowsOptions.hostProcess=true), ' +
      'restricted volume types (volume "n" uses restricted volume type "nfs")',
    )
    // the check that replaces the default capabilities came with v1.22, and profiles were annotations before v1.19
    server.label({ 'enforce': 'restricted', 'enforce-version': 'v1.18' })
    expect(server.create('pods', 'old', { containers: [web({ securityContext: { ...GOOD, capabilities: { add: ['NET_RAW'] } } })] })).toContain('"restricted:v1.18": non-default capabilities (container "web" must not include "NET_RAW"')
  })

  it('only warn of others, also where a Pod is a template', () => {
    const server = new Server()
    server.label({ 'warn': 'restricted', 'warn-version': 'v1.30' })
    expect(server.create('deployments', 'web', { selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [web()] } } })).toBe('done')
    expect(server.warnings).toEqual([`would violate PodSecurity "restricted:v1.30": ${PLAIN}`])
  })

  it('must be right, and tell of Pods that are there already', () => {
    const server = new Server()
    for (const name of ['one', 'two']) server.create('pods', name, { containers: [web()] })
    expect(server.label({ enforce: 'strict' })).toBe('Namespace "default" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted')
    expect(server.label({ enforce: 'restricted' })).toBe('done')
    expect(server.warnings).toEqual([
      'existing pods in namespace "default" violate the new PodSecurity enforce level "restricted:latest"', 'one (and 1 other pod): allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile',
    ])
  })
})
