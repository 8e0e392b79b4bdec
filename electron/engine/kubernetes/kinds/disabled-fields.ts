import type * as core from 'kubernetes-types/core/v1'

type Lifecycle = core.Lifecycle & { stopSignal?: string }
type Resources = core.ResourceRequirements & { claims?: unknown }
type PodSpec = core.PodSpec & { resources?: unknown; resourceClaims?: unknown }

/**
 * Takes out the fields whose feature gates are off in v1.33, as the API server does without a word: ImageVolume,
 * PodLevelResources, ContainerStopSignals and DynamicResourceAllocation (pkg/api/pod/util.go dropDisabledFields).
 */
export function dropDisabledFields(spec: PodSpec): void {
  if (spec.resources !== undefined) delete spec.resources
  if (spec.resourceClaims !== undefined) delete spec.resourceClaims
  const images = spec.volumes?.filter((v) => 'image' in v).map((v) => v.name) ?? []
  if (images.length > 0) spec.volumes = keep(spec.volumes, images)
  for (const container of spec.containers) dropOfContainer(container, images)
  for (const container of spec.initContainers ?? []) dropOfContainer(container, images)
  for (const container of spec.ephemeralContainers ?? []) dropOfContainer(container as core.Container, images)
}

function dropOfContainer(container: core.Container, images: readonly string[]): void {
  if (images.length > 0 && container.volumeMounts) container.volumeMounts = keep(container.volumeMounts, images)
  const resources = container.resources as Resources | undefined
  if (resources?.claims !== undefined) delete resources.claims
  const lifecycle = container.lifecycle as Lifecycle | undefined
  if (lifecycle?.stopSignal === undefined) return
  delete lifecycle.stopSignal
  if (Object.keys(lifecycle).length === 0) delete container.lifecycle
}

function keep<T extends { name: string }>(all: T[] | undefined, without: readonly string[]): T[] {
  return (all ?? []).filter((each) => !without.includes(each.name))
}
