/**
 * Every architecture that can be trained, or whose published weights can be loaded, by its name in configs and records.
 * A name says for which images it was drawn: cifar-* for 32×32, the first two for 28×28, all others for 224×224. In
 * brackets: whose checkpoints it takes as they are.
 */
export const ARCHITECTURE_TITLES = {
  "tiny-cnn": "Tiny CNN: two convolutions 4×4 of stride 2 (16 and 32 channels), hidden layer of 100",
  "small-cnn": "Small CNN: two convolutions (32 and 64 channels), max pooling, hidden layer of 128",
  "resnet18": "ResNet-18 (torchvision)",
  "resnet34": "ResNet-34 (torchvision)",
  "resnet50": "ResNet-50 (torchvision)",
  "resnet101": "ResNet-101 (torchvision)",
  "wide-resnet50-2": "Wide ResNet-50-2 (torchvision)",
  "cifar-resnet18": "CIFAR ResNet-18, projection shortcuts (pytorch-cifar, RobustBench)",
  "cifar-resnet34": "CIFAR ResNet-34, projection shortcuts (pytorch-cifar)",
  "cifar-resnet50": "CIFAR ResNet-50, projection shortcuts (pytorch-cifar, robustness)",
  "cifar-preact-resnet18": "CIFAR PreActResNet-18 (pytorch-cifar)",
  "cifar-preact-resnet18-wong2020": "CIFAR PreActResNet-18 whose projections read the input without norm and ReLU (RobustBench: Wong 2020)",
  "cifar-preact-resnet18-rice2020": "CIFAR PreActResNet-18 with norm and ReLU before the classifier (RobustBench: Rice 2020, l2)",
  "cifar-wide-resnet28-10": "CIFAR WideResNet-28-10 (RobustBench)",
  "cifar-wide-resnet34-10": "CIFAR WideResNet-34-10 (RobustBench, TRADES)",
  "cifar-resnet20": "CIFAR ResNet-20, option A shortcuts (akamaster)",
  "cifar-resnet32": "CIFAR ResNet-32, option A shortcuts (akamaster)",
  "cifar-resnet44": "CIFAR ResNet-44, option A shortcuts (akamaster)",
  "cifar-resnet56": "CIFAR ResNet-56, option A shortcuts (akamaster)",
  "cifar-resnet-2b": "CIFAR ResNet-2B without batch norm (alpha-beta-CROWN)",
  "cifar-resnet-4b": "CIFAR ResNet-4B without batch norm (alpha-beta-CROWN)",
  "densenet121": "DenseNet-121, growth 32 (torchvision)",
  "cifar-densenet": "CIFAR DenseNet-BC of 121 layers, growth 12 (pytorch-cifar: densenet_cifar)",
  "cifar-densenet121": "CIFAR DenseNet-121, growth 32 (pytorch-cifar)",
  "vgg11": "VGG-11 (torchvision)",
  "vgg11-bn": "VGG-11 with batch norm (torchvision)",
  "vgg13": "VGG-13 (torchvision)",
  "vgg13-bn": "VGG-13 with batch norm (torchvision)",
  "vgg16": "VGG-16 (torchvision)",
  "vgg16-bn": "VGG-16 with batch norm (torchvision)",
  "cifar-vgg11-bn": "CIFAR VGG-11 with batch norm and one linear layer (pytorch-cifar)",
  "cifar-vgg13-bn": "CIFAR VGG-13 with batch norm and one linear layer (pytorch-cifar)",
  "cifar-vgg16-bn": "CIFAR VGG-16 with batch norm and one linear layer (pytorch-cifar)",
  "cifar-mobilenet": "CIFAR MobileNet v1 (pytorch-cifar)",
  "mobilenet-v2": "MobileNet v2 (torchvision)",
  "squeezenet1-1": "SqueezeNet 1.1 (torchvision)",
  "vit-tiny": "ViT-Ti/16 (timm: vit_tiny_patch16_224, deit_tiny_patch16_224)",
  "vit-small": "ViT-S/16 (timm: vit_small_patch16_224, deit_small_patch16_224)",
  "cifar-vit-tiny": "ViT-Ti/4 for 32×32 images, named as timm's",
  "cifar-vit-small": "ViT-S/4 for 32×32 images, named as timm's",
} as const satisfies Readonly<Record<string, string>>;

export type ArchitectureName = keyof typeof ARCHITECTURE_TITLES;
export const ARCHITECTURE_NAMES = Object.keys(ARCHITECTURE_TITLES) as [ArchitectureName, ...ArchitectureName[]];
