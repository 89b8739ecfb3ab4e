"""What torch's own classes are, by full name: modules, losses, optimizers, schedulers, samplers, datasets.

Written from torch 2.13.0 by tests/facts/write_class_names.py; compared with torch in the tests.
"""

from __future__ import annotations

RELEASE = "2.13.0"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Every subclass of torch.nn.Module.
MODULES = _names("""
    torch.nn.AdaptiveAvgPool1d torch.nn.AdaptiveAvgPool2d torch.nn.AdaptiveAvgPool3d
    torch.nn.AdaptiveLogSoftmaxWithLoss torch.nn.AdaptiveMaxPool1d torch.nn.AdaptiveMaxPool2d
    torch.nn.AdaptiveMaxPool3d torch.nn.AlphaDropout torch.nn.AvgPool1d torch.nn.AvgPool2d torch.nn.AvgPool3d
    torch.nn.BCELoss torch.nn.BCEWithLogitsLoss torch.nn.BatchNorm1d torch.nn.BatchNorm2d torch.nn.BatchNorm3d
    torch.nn.Bilinear torch.nn.CELU torch.nn.CTCLoss torch.nn.ChannelShuffle torch.nn.CircularPad1d
    torch.nn.CircularPad2d torch.nn.CircularPad3d torch.nn.ConstantPad1d torch.nn.ConstantPad2d
    torch.nn.ConstantPad3d torch.nn.Container torch.nn.Conv1d torch.nn.Conv2d torch.nn.Conv3d
    torch.nn.ConvTranspose1d torch.nn.ConvTranspose2d torch.nn.ConvTranspose3d torch.nn.CosineEmbeddingLoss
    torch.nn.CosineSimilarity torch.nn.CrossEntropyLoss torch.nn.CrossMapLRN2d torch.nn.Dropout torch.nn.Dropout1d
    torch.nn.Dropout2d torch.nn.Dropout3d torch.nn.ELU torch.nn.Embedding torch.nn.EmbeddingBag
    torch.nn.FeatureAlphaDropout torch.nn.Flatten torch.nn.Fold torch.nn.FractionalMaxPool2d
    torch.nn.FractionalMaxPool3d torch.nn.GELU torch.nn.GLU torch.nn.GRU torch.nn.GRUCell torch.nn.GaussianNLLLoss
    torch.nn.GroupNorm torch.nn.Hardshrink torch.nn.Hardsigmoid torch.nn.Hardswish torch.nn.Hardtanh
    torch.nn.HingeEmbeddingLoss torch.nn.HuberLoss torch.nn.Identity torch.nn.InstanceNorm1d torch.nn.InstanceNorm2d
    torch.nn.InstanceNorm3d torch.nn.KLDivLoss torch.nn.L1Loss torch.nn.LPPool1d torch.nn.LPPool2d torch.nn.LPPool3d
    torch.nn.LSTM torch.nn.LSTMCell torch.nn.LayerNorm torch.nn.LazyBatchNorm1d torch.nn.LazyBatchNorm2d
    torch.nn.LazyBatchNorm3d torch.nn.LazyConv1d torch.nn.LazyConv2d torch.nn.LazyConv3d
    torch.nn.LazyConvTranspose1d torch.nn.LazyConvTranspose2d torch.nn.LazyConvTranspose3d
    torch.nn.LazyInstanceNorm1d torch.nn.LazyInstanceNorm2d torch.nn.LazyInstanceNorm3d torch.nn.LazyLinear
    torch.nn.LeakyReLU torch.nn.Linear torch.nn.LinearCrossEntropyLoss torch.nn.LocalResponseNorm
    torch.nn.LogSigmoid torch.nn.LogSoftmax torch.nn.MSELoss torch.nn.MarginRankingLoss torch.nn.MaxPool1d
    torch.nn.MaxPool2d torch.nn.MaxPool3d torch.nn.MaxUnpool1d torch.nn.MaxUnpool2d torch.nn.MaxUnpool3d
    torch.nn.Mish torch.nn.Module torch.nn.ModuleDict torch.nn.ModuleList torch.nn.MultiLabelMarginLoss
    torch.nn.MultiLabelSoftMarginLoss torch.nn.MultiMarginLoss torch.nn.MultiheadAttention torch.nn.NLLLoss
    torch.nn.NLLLoss2d torch.nn.PReLU torch.nn.PairwiseDistance torch.nn.ParameterDict torch.nn.ParameterList
    torch.nn.PixelShuffle torch.nn.PixelUnshuffle torch.nn.PoissonNLLLoss torch.nn.RMSNorm torch.nn.RNN
    torch.nn.RNNBase torch.nn.RNNCell torch.nn.RNNCellBase torch.nn.RReLU torch.nn.ReLU torch.nn.ReLU6
    torch.nn.ReflectionPad1d torch.nn.ReflectionPad2d torch.nn.ReflectionPad3d torch.nn.ReplicationPad1d
    torch.nn.ReplicationPad2d torch.nn.ReplicationPad3d torch.nn.SELU torch.nn.Sequential torch.nn.SiLU
    torch.nn.Sigmoid torch.nn.SmoothL1Loss torch.nn.SoftMarginLoss torch.nn.Softmax torch.nn.Softmax2d
    torch.nn.Softmin torch.nn.Softplus torch.nn.Softshrink torch.nn.Softsign torch.nn.SyncBatchNorm torch.nn.Tanh
    torch.nn.Tanhshrink torch.nn.Threshold torch.nn.Transformer torch.nn.TransformerDecoder
    torch.nn.TransformerDecoderLayer torch.nn.TransformerEncoder torch.nn.TransformerEncoderLayer
    torch.nn.TripletMarginLoss torch.nn.TripletMarginWithDistanceLoss torch.nn.Unflatten torch.nn.Unfold
    torch.nn.Upsample torch.nn.UpsamplingBilinear2d torch.nn.UpsamplingNearest2d torch.nn.ZeroPad1d
    torch.nn.ZeroPad2d torch.nn.ZeroPad3d torch.nn.parallel.DataParallel torch.nn.parallel.DistributedDataParallel
    torch.nn.parallel.DistributedDataParallelCPU
""")

# Modules that hold parameters when they are made with the arguments that are usual.
PARAMETRIC = _names("""
    torch.nn.AdaptiveLogSoftmaxWithLoss torch.nn.BatchNorm1d torch.nn.BatchNorm2d torch.nn.BatchNorm3d
    torch.nn.Bilinear torch.nn.Conv1d torch.nn.Conv2d torch.nn.Conv3d torch.nn.ConvTranspose1d
    torch.nn.ConvTranspose2d torch.nn.ConvTranspose3d torch.nn.Embedding torch.nn.EmbeddingBag torch.nn.GRU
    torch.nn.GRUCell torch.nn.GroupNorm torch.nn.LSTM torch.nn.LSTMCell torch.nn.LayerNorm torch.nn.LazyBatchNorm1d
    torch.nn.LazyBatchNorm2d torch.nn.LazyBatchNorm3d torch.nn.LazyConv1d torch.nn.LazyConv2d torch.nn.LazyConv3d
    torch.nn.LazyConvTranspose1d torch.nn.LazyConvTranspose2d torch.nn.LazyConvTranspose3d
    torch.nn.LazyInstanceNorm1d torch.nn.LazyInstanceNorm2d torch.nn.LazyInstanceNorm3d torch.nn.LazyLinear
    torch.nn.Linear torch.nn.LinearCrossEntropyLoss torch.nn.MultiheadAttention torch.nn.PReLU torch.nn.RMSNorm
    torch.nn.RNN torch.nn.RNNBase torch.nn.RNNCell torch.nn.RNNCellBase torch.nn.SyncBatchNorm torch.nn.Transformer
    torch.nn.TransformerDecoder torch.nn.TransformerDecoderLayer torch.nn.TransformerEncoder
    torch.nn.TransformerEncoderLayer torch.nn.parallel.DistributedDataParallel
    torch.nn.parallel.DistributedDataParallelCPU
""")

# Modules that compute something else in training than in evaluation: dropout, batch norm.
CHANGED_BY_TRAINING = _names("""
    torch.nn.AlphaDropout torch.nn.BatchNorm1d torch.nn.BatchNorm2d torch.nn.BatchNorm3d torch.nn.Dropout
    torch.nn.Dropout1d torch.nn.Dropout2d torch.nn.Dropout3d torch.nn.FeatureAlphaDropout torch.nn.LazyBatchNorm1d
    torch.nn.LazyBatchNorm2d torch.nn.LazyBatchNorm3d torch.nn.RReLU torch.nn.SyncBatchNorm torch.nn.Transformer
    torch.nn.TransformerDecoderLayer torch.nn.TransformerEncoderLayer
""")

# Modules that compute a loss.
LOSSES = _names("""
    torch.nn.BCELoss torch.nn.BCEWithLogitsLoss torch.nn.CTCLoss torch.nn.CosineEmbeddingLoss
    torch.nn.CrossEntropyLoss torch.nn.GaussianNLLLoss torch.nn.HingeEmbeddingLoss torch.nn.HuberLoss
    torch.nn.KLDivLoss torch.nn.L1Loss torch.nn.LinearCrossEntropyLoss torch.nn.MSELoss torch.nn.MarginRankingLoss
    torch.nn.MultiLabelMarginLoss torch.nn.MultiLabelSoftMarginLoss torch.nn.MultiMarginLoss torch.nn.NLLLoss
    torch.nn.NLLLoss2d torch.nn.PoissonNLLLoss torch.nn.SmoothL1Loss torch.nn.SoftMarginLoss
    torch.nn.TripletMarginLoss torch.nn.TripletMarginWithDistanceLoss
""")

# Subclasses of torch.optim.Optimizer.
OPTIMIZERS = _names("""
    torch.optim.ASGD torch.optim.Adadelta torch.optim.Adafactor torch.optim.Adagrad torch.optim.Adam
    torch.optim.AdamW torch.optim.Adamax torch.optim.LBFGS torch.optim.Muon torch.optim.NAdam torch.optim.Optimizer
    torch.optim.RAdam torch.optim.RMSprop torch.optim.Rprop torch.optim.SGD torch.optim.SparseAdam
""")

# Subclasses of LRScheduler, and ReduceLROnPlateau.
SCHEDULERS = _names("""
    torch.optim.lr_scheduler.ChainedScheduler torch.optim.lr_scheduler.ConstantLR
    torch.optim.lr_scheduler.CosineAnnealingLR torch.optim.lr_scheduler.CosineAnnealingWarmRestarts
    torch.optim.lr_scheduler.CyclicLR torch.optim.lr_scheduler.ExponentialLR torch.optim.lr_scheduler.LRScheduler
    torch.optim.lr_scheduler.LambdaLR torch.optim.lr_scheduler.LinearLR torch.optim.lr_scheduler.MultiStepLR
    torch.optim.lr_scheduler.MultiplicativeLR torch.optim.lr_scheduler.OneCycleLR
    torch.optim.lr_scheduler.PolynomialLR torch.optim.lr_scheduler.ReduceLROnPlateau
    torch.optim.lr_scheduler.SequentialLR torch.optim.lr_scheduler.StepLR torch.optim.swa_utils.SWALR
""")

# Samplers and batch samplers.
SAMPLERS = _names("""
    torch.utils.data.BatchSampler torch.utils.data.DistributedSampler torch.utils.data.RandomSampler
    torch.utils.data.Sampler torch.utils.data.SequentialSampler torch.utils.data.SubsetRandomSampler
    torch.utils.data.WeightedRandomSampler
""")

# Datasets, map-style and iterable.
DATASETS = _names("""
    torch.utils.data.ChainDataset torch.utils.data.ConcatDataset torch.utils.data.DFIterDataPipe
    torch.utils.data.Dataset torch.utils.data.IterDataPipe torch.utils.data.IterableDataset
    torch.utils.data.MapDataPipe torch.utils.data.StackDataset torch.utils.data.Subset
    torch.utils.data.TensorDataset
""")
