import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'
import { StatusError } from '../client.ts'
import type { Pod } from '../types.ts'

/** The refusal of an update of a Pod, as kubectl prints it. */
function refused(change: (spec: Record<string, never>) => object, spec: object = {}): string {
  const api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
  const pod = api.create<Pod>('pods', 'default', { metadata: { name: 'web' }, spec: { automountServiceAccountToken: false, containers: [{ name: 'web', image: 'nginx' }], ...spec } })
  try {
    api.update('pods', 'default', 'web', { ...pod, spec: change(pod.spec as never) })
  } catch (error) {
    if (error instanceof StatusError) return error.status.details!.causes!.map((c) => `${c.field}: ${c.message}`).join('\n')
    throw error
  }
  throw new Error('it was not refused')
}

const ONLY =
  'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n'

const container = (spec: { containers?: object[] }, more: object): object => ({ ...spec, containers: [{ ...spec.containers![0], ...more }] })

describe('what a Pod may not change is shown as go-cmp shows it', () => {
  it('a field of the spec, between those next to it', () => {
    expect(refused((spec) => ({ ...spec, hostname: 'shop' }))).toBe(`${ONLY}  core.PodSpec{
  \t... // 12 identical fields
  \tSecurityContext:   &{},
  \tImagePullSecrets:  nil,
- \tHostname:          "",
+ \tHostname:          "shop",
  \tSubdomain:         "",
  \tSetHostnameAsFQDN: nil,
  \t... // 17 identical fields
  }
`)
  })

  it('a field of a container, with the names of the types on the way', () => {
    expect(refused((spec) => container(spec, { ports: [{ containerPort: 80, protocol: 'TCP' }], command: ['sh', '-c', 'true'] }))).toBe(`${ONLY}  core.PodSpec{
  \tVolumes:        nil,
  \tInitContainers: nil,
  \tContainers: []core.Container{
  \t\t{
  \t\t\tName:       "web",
  \t\t\tImage:      "nginx",
- \t\t\tCommand:    nil,
+ \t\t\tCommand:    []string{"sh", "-c", "true"},
  \t\t\tArgs:       nil,
  \t\t\tWorkingDir: "",
- \t\t\tPorts:      nil,
+ \t\t\tPorts:      []core.ContainerPort{{ContainerPort: 80, Protocol: "TCP"}},
  \t\t\tEnvFrom:    nil,
  \t\t\tEnv:        nil,
  \t\t\t... // 16 identical fields
  \t\t},
  \t},
  \tEphemeralContainers: nil,
  \tRestartPolicy:       "Always",
  \t... // 29 identical fields
  }
`)
  })

  it('quantities, maps and pointers', () => {
    const text = refused((spec) => container({ ...spec, terminationGracePeriodSeconds: 10, nodeSelector: { disk: 'ssd' } } as never, { resources: { limits: { cpu: '1' }, requests: { cpu: '1' } } }), {
      containers: [{ name: 'web', image: 'nginx', resources: { limits: { cpu: '500m' } } }],
    })
    expect(text).toContain('- \tTerminationGracePeriodSeconds: &30,\n+ \tTerminationGracePeriodSeconds: &10,\n')
    expect(text).toContain('- \tNodeSelector:                  nil,\n+ \tNodeSelector:                  map[string]string{"disk": "ssd"},\n')
    expect(text).toContain('- \t\t\t\tLimits: core.ResourceList{\n- \t\t\t\t\ts"cpu": {i: resource.int64Amount{value: 500, scale: -3}, s: "500m", Format: "DecimalSI"},\n- \t\t\t\t},\n')
    expect(text).toContain('+ \t\t\t\tLimits: core.ResourceList{s"cpu": {i: resource.int64Amount{value: 1}, s: "1", Format: "DecimalSI"}},\n')
  })
})
