"""A trained model on Azure Container Instances behind mutual TLS: what there is, how it fits."""

from datetime import timedelta

import pulumi
import pulumi_random as random
from pulumi_azure_native import operationalinsights, resources

from common.certificate_record import exported
from components.container_group import ContainerGroup, ContainerGroupArgs, unhashed_fqdn
from components.container_image import ContainerImage, ContainerImageArgs, copied
from components.model_container import ModelContainerArgs, model_container
from components.registry import ContainerRegistry, ContainerRegistryArgs
from program import continuity, front, handover, identities, outputs, preflight
from program.settings import StackSettings

cfg = StackSettings.load()
preflight.check()
previous = continuity.follow(cfg)
protected = pulumi.ResourceOptions(protect=cfg.environment == "prod")

# A place to live, somewhere for the logs, a registry for the images.
group = resources.ResourceGroup("resource-group", tags=cfg.all_tags, opts=protected)
workspace = operationalinsights.Workspace(
    "logs",
    resource_group_name=group.name,
    sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),
    retention_in_days=cfg.log_retention_days,
    tags=cfg.all_tags,
)
registry = ContainerRegistry(
    "registry",
    ContainerRegistryArgs(
        resource_group_name=group.name,
        sku=cfg.registry_sku,
        tags=cfg.all_tags,
        role_propagation=timedelta(minutes=cfg.role_propagation_minutes),
    ),
    opts=protected,
)

# A name on the internet, known beforehand unless Azure puts a hash into it.
suffix = random.RandomString("dns-label-suffix", length=6, special=False, upper=False)
dns_label = pulumi.Output.concat(cfg.dns_label, "-", suffix.result)
foretold = None if cfg.label_is_hashed else unhashed_fqdn(dns_label, cfg.region)
named_by_azure: list[pulumi.Input[str]] = [] if foretold is None else [foretold]
server_names = [*cfg.server_names, *named_by_azure]

# The model, as an image by digest and the container it runs in.
push_to = registry.push_target("model")
model_image = ContainerImage(
    "model-image",
    copied(cfg.model_image.ref, push_to)
    if cfg.model_image.ref
    else ContainerImageArgs(
        push_to=push_to,
        context=cfg.model_image.context,
        build_args=cfg.model_image.all_build_args,
    ),
)
model = model_container(
    ModelContainerArgs(
        image=model_image.reference,
        model_name=cfg.model_name,
        port=cfg.model_port,
        published=cfg.tls == "none",
        liveness_path=cfg.model_image.probe_path("live", cfg.model_name),
        readiness_path=cfg.model_image.probe_path("ready", cfg.model_name),
        cpu=cfg.resources.model.cpu,
        memory_in_gb=cfg.resources.model.memory_in_gb,
        max_request_body_in_mb=cfg.max_request_body_in_mb,
    )
)

# Mutual TLS: whom to trust, who we are, who may call, and the nginx that insists on all three.
pki = identities.issue(cfg, previous, server_names)
entrance = front.build(cfg, pki, server_names, registry)

endpoint = ContainerGroup(
    "endpoint",
    ContainerGroupArgs(
        resource_group_name=group.name,
        containers=[model, *entrance.containers],
        volumes=entrance.volumes,
        public_port=entrance.public_port,
        dns_label=dns_label,
        dns_label_scope=cfg.dns_label_scope,
        image_pull=registry.image_pull(),
        workspace_id=workspace.id,
        tags=cfg.all_tags,
    ),
)

# What the world is told, and each client's bundle for those who may read it.
described = outputs.endpoint(
    cfg,
    fqdn=endpoint.fqdn if foretold is None else foretold,
    model_image=model_image.reference,
    trust_bundle_pem=pki.trust_bundle_pem,
)
secrets = handover.client_secrets(
    cfg,
    pki,
    endpoint=endpoint,
    described=described,
    resource_group_name=group.name,
    workspace_id=workspace.id,
)
pulumi.export("endpoint", described)
# The next deployment believes these: they change only when the endpoint has followed.
handed_out = outputs.client_certificates(pki.clients)
settled = outputs.once(handed_out, endpoint.arm_id, pki.clients_settled)
pulumi.export("clientCertificates", settled)
pulumi.export("certificates", outputs.once(pki.records.apply(exported), endpoint.arm_id))
pulumi.export("clientSecrets", secrets)
pulumi.export("resourceGroupName", group.name)
pulumi.export("registryLoginServer", registry.login_server)
