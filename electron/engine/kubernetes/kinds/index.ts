import { mutatingWebhookConfiguration, validatingAdmissionPolicy, validatingAdmissionPolicyBinding, validatingWebhookConfiguration } from './admission-registration.ts'
import { apiService } from './api-service.ts'
import { certificateSigningRequest } from './certificate-signing-request.ts'
import { componentStatus } from './component-status.ts'
import { configMap, secret, serviceAccount } from './config.ts'
import { controllerRevision } from './controller-revision.ts'
import { cronJob } from './cron-job.ts'
import { customResourceDefinition } from './custom-resource-definition.ts'
import { daemonSet } from './daemon-set.ts'
import { deployment } from './deployment.ts'
import { endpoints, endpointSlice } from './endpoints.ts'
import { event, lease } from './event.ts'
import { eventV1 } from './event-v1.ts'
import { ingress, ingressClass } from './ingress.ts'
import { job } from './job.ts'
import type { Kind } from './kind.ts'
import { namespace } from './namespace.ts'
import { networkPolicy } from './network-policy.ts'
import { node } from './node.ts'
import { pod } from './pod.ts'
import { podDisruptionBudget, priorityClass } from './policy.ts'
import { clusterRole, clusterRoleBinding, role, roleBinding } from './rbac.ts'
import { replicaSet } from './replica-set.ts'
import { replicationController } from './replication-controller.ts'
import { localSubjectAccessReview, selfSubjectAccessReview, selfSubjectReview, selfSubjectRulesReview, subjectAccessReview, tokenReview } from './reviews.ts'
import { ipAddress, serviceCidr } from './service-cidr.ts'
import { service } from './service.ts'
import { statefulSet } from './stateful-set.ts'
import { persistentVolumeClaim, storageClass } from './storage.ts'

/** Every kind that is simulated, in the order of kubectl api-resources: core first, then groups by name. */
export const KINDS: readonly Kind[] = [
  componentStatus,
  configMap,
  endpoints,
  event,
  namespace,
  node,
  persistentVolumeClaim,
  pod,
  replicationController,
  secret,
  serviceAccount,
  service,
  mutatingWebhookConfiguration,
  validatingAdmissionPolicy,
  validatingAdmissionPolicyBinding,
  validatingWebhookConfiguration,
  customResourceDefinition,
  apiService,
  controllerRevision,
  daemonSet,
  deployment,
  replicaSet,
  statefulSet,
  selfSubjectReview,
  localSubjectAccessReview,
  selfSubjectAccessReview,
  selfSubjectRulesReview,
  subjectAccessReview,
  tokenReview,
  cronJob,
  job,
  certificateSigningRequest,
  lease,
  endpointSlice,
  eventV1,
  ingressClass,
  ingress,
  ipAddress,
  networkPolicy,
  serviceCidr,
  podDisruptionBudget,
  clusterRoleBinding,
  clusterRole,
  roleBinding,
  role,
  priorityClass,
  storageClass,
]
