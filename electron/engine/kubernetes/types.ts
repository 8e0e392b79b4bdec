import type * as apps from 'kubernetes-types/apps/v1'
import type * as batch from 'kubernetes-types/batch/v1'
import type * as core from 'kubernetes-types/core/v1'
import type * as discovery from 'kubernetes-types/discovery/v1'
import type { Condition, ObjectMeta, OwnerReference, LabelSelector } from 'kubernetes-types/meta/v1'
import type * as networking from 'kubernetes-types/networking/v1'
import type * as policy from 'kubernetes-types/policy/v1'
import type * as rbac from 'kubernetes-types/rbac/v1'
import type * as scheduling from 'kubernetes-types/scheduling/v1'
import type * as storage from 'kubernetes-types/storage/v1'

/** Objects as the API server keeps them. They are never changed in place: an update makes a new one. */
export interface StoredMeta extends ObjectMeta {
  name: string
  uid: string
  resourceVersion: string
  /** RFC 3339, whole seconds. */
  creationTimestamp: string
}
/** Metadata while a request is worked on. */
export type DraftMeta = { -readonly [K in keyof StoredMeta]: StoredMeta[K] }
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: StoredMeta
}
type Stored<T, Required> = Omit<T, 'metadata' | keyof Required> & KubeObject & Required
type Namespaced = { metadata: StoredMeta & { namespace: string } }

export type Namespace = Stored<core.Namespace, { spec: core.NamespaceSpec; status: core.NamespaceStatus }>
export type Node = Stored<core.Node, { spec: core.NodeSpec; status: core.NodeStatus }>
export type Pod = Stored<core.Pod, { spec: core.PodSpec; status: core.PodStatus }> & Namespaced
export type Service = Stored<core.Service, { spec: core.ServiceSpec; status: core.ServiceStatus }> & Namespaced
export type EndpointSlice = Stored<discovery.EndpointSlice, { endpoints: discovery.Endpoint[] }> & Namespaced
export type Deployment = Stored<apps.Deployment, { spec: apps.DeploymentSpec; status: apps.DeploymentStatus }> & Namespaced
export type ReplicaSet = Stored<apps.ReplicaSet, { spec: apps.ReplicaSetSpec; status: apps.ReplicaSetStatus }> & Namespaced
export type DaemonSet = Stored<apps.DaemonSet, { spec: apps.DaemonSetSpec; status: apps.DaemonSetStatus }> & Namespaced
export type StatefulSet = Stored<apps.StatefulSet, { spec: apps.StatefulSetSpec; status: apps.StatefulSetStatus }> & Namespaced
export type ControllerRevision = Stored<apps.ControllerRevision, { data: unknown }> & Namespaced
export type ReplicationController = Stored<core.ReplicationController, { spec: core.ReplicationControllerSpec; status: core.ReplicationControllerStatus }> & Namespaced
export type Job = Stored<batch.Job, { spec: batch.JobSpec; status: batch.JobStatus }> & Namespaced
export type CronJob = Stored<batch.CronJob, { spec: batch.CronJobSpec; status: batch.CronJobStatus }> & Namespaced
export type Secret = Stored<core.Secret, object> & Namespaced
export type ConfigMap = Stored<core.ConfigMap, object> & Namespaced
export type Event = Stored<core.Event, object> & Namespaced
export type Ingress = Stored<networking.Ingress, { spec: networking.IngressSpec; status: networking.IngressStatus }> & Namespaced
export type IngressClass = Stored<networking.IngressClass, { spec: networking.IngressClassSpec }>
export type NetworkPolicy = Stored<networking.NetworkPolicy, { spec: networking.NetworkPolicySpec }> & Namespaced
export type IPAddress = Stored<object, { spec: { parentRef?: { group?: string; resource?: string; namespace?: string; name?: string } } }>
export type ServiceCIDR = Stored<object, { spec: { cidrs?: string[] }; status: { conditions?: Condition[] } }>
/** creationTimestamp is null. */
export type ComponentStatus = Stored<object, { conditions: { type: string; status: string; message?: string; error?: string }[] }>
export type APIService = Stored<object, {
  spec: { service?: { namespace?: string; name?: string; port?: number }; group?: string; version?: string; insecureSkipTLSVerify?: boolean; caBundle?: string; groupPriorityMinimum: number; versionPriority: number }
  status: { conditions?: Condition[] }
}>
export interface CertificateCondition { type: string; status: string; reason?: string; message?: string; lastUpdateTime?: string | null; lastTransitionTime?: string | null }
export type CertificateSigningRequest = Stored<object, {
  spec: { request: string; signerName: string; expirationSeconds?: number; usages?: string[]; username?: string; uid?: string; groups?: string[]; extra?: { [key: string]: string[] } }
  status: { conditions?: CertificateCondition[]; certificate?: string }
}>
export type Role = Stored<rbac.Role, { rules: rbac.PolicyRule[] | null }> & Namespaced
export type ClusterRole = Stored<rbac.ClusterRole, { rules: rbac.PolicyRule[] | null }>
export type RoleBinding = Stored<rbac.RoleBinding, object> & Namespaced
export type ClusterRoleBinding = Stored<rbac.ClusterRoleBinding, object>
export type PodDisruptionBudget = Stored<policy.PodDisruptionBudget, { spec: policy.PodDisruptionBudgetSpec; status: policy.PodDisruptionBudgetStatus }> & Namespaced
export type PriorityClass = Stored<scheduling.PriorityClass, object>
export type StorageClass = Stored<storage.StorageClass, object>
export type PersistentVolumeClaim = Stored<core.PersistentVolumeClaim, { spec: core.PersistentVolumeClaimSpec; status: core.PersistentVolumeClaimStatus }> & Namespaced
export type { Container, ContainerStatus, ContainerPort, ServicePort, Probe, PodCondition, PodSpec, PodTemplateSpec, EnvVar, NodeCondition } from 'kubernetes-types/core/v1'
export type { ObjectMeta, OwnerReference, LabelSelector }

/** metav1.Status: what the API server answers when it refuses. */
export interface Status {
  kind: 'Status'
  apiVersion: 'v1'
  metadata: object
  status: 'Failure' | 'Success'
  message: string
  /** NotFound, AlreadyExists, Conflict, Invalid, BadRequest, Forbidden, MethodNotAllowed, Expired, UnsupportedMediaType… */
  reason: string
  details?: { name?: string; group?: string; kind?: string; uid?: string; causes?: { reason?: string; message?: string; field?: string }[]; retryAfterSeconds?: number }
  code: number
}

/** metav1.Table: what the server prints (kubectl's columns are the server's, not kubectl's). */
export interface Table {
  kind: 'Table'
  apiVersion: 'meta.k8s.io/v1'
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number }
  columnDefinitions: { name: string; type: string; format: string; description: string; priority: number }[]
  rows: { cells: (string | number | boolean | null)[]; object: KubeObject }[]
}
